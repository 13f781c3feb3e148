{#- Rules of rating that more than one model needs (money.md sections 6 and 8). -#}

{#- The kind under which resource_owners knows the accounts of a vendor. -#}
{% macro account_resource_kind(vendor) -%}
    case {{ vendor }} when 'azure' then 'azure_subscription' when 'gcp' then 'gcp_project' else {{ vendor }} || '_account' end
{%- endmacro %}

{#- Whether a date lies in the half-open validity of a catalog row. -#}
{% macro valid_on(row, date_expression) -%}
    ({{ date_expression }} >= {{ row }}.valid_from and {{ date_expression }} < {{ row }}.valid_to)
{%- endmacro %}

{#- The tiers of a price list that are filled together: those of its pool, else of one match of the catalog. -#}
{% macro pool_of(prices) -%}
    case {{ prices }}.pool
        when 'ANY' then {{ prices }}.service || '/' || {{ prices }}.sku || '/' || {{ prices }}.usage_type
        else {{ prices }}.pool
    end
{%- endmacro %}


{#- The part of the running total x that lies in (lower, upper]. The first tier has no floor, so that quantities
    taken back below zero are priced there. -#}
{% macro part_in_tier(running_total, row) -%}
    case
        when {{ row }}.lower = 0 then least({{ running_total }}, coalesce({{ row }}.upper, {{ running_total }}))
        else greatest(least({{ running_total }}, coalesce({{ row }}.upper, {{ running_total }})), {{ row }}.lower) - {{ row }}.lower
    end
{%- endmacro %}

{#- Whether the tier (lower, upper] holds q; nothing and less than nothing are held by the first. -#}
{% macro tier_holds(row, quantity) -%}
    (({{ quantity }} > {{ row }}.lower or {{ row }}.lower = 0) and ({{ row }}.upper is null or {{ quantity }} <= {{ row }}.upper))
{%- endmacro %}

{#- Blocks of a size that a quantity fills: a block begun counts as one, or not at all where the price rounds down. What is
    divided has no rest, so that bytes of any number are. -#}
{% macro blocks(quantity, size, round_down) -%}
{%- set given = 'greatest(' ~ quantity ~ ', 0)' -%}
{%- set rest = 'mod(' ~ given ~ ', ' ~ size ~ ')' -%}
    (
        cast({{ whole_quotient(whole(given ~ ' - ' ~ rest), whole(size)) }} as decimal(38, 12))
        + case when {{ rest }} > 0 and not {{ round_down }} then 1 else 0 end
    )
{%- endmacro %}

{#- What one unit of a tier costs under a charge's model: stairstep asks its tier's fee alone, percentages price money
    by a share, dynamic prices the events' own amounts by the charge's multiplier. -#}
{% macro unit_price_of(usage, tiers) -%}
    case {{ usage }}.charge_model
        when 'stairstep' then 0
        when 'percentage' then {{ tiers }}.rate
        when 'graduated_percentage' then {{ tiers }}.rate
        when 'dynamic' then {{ usage }}.multiplier
        else {{ tiers }}.unit_price
    end
{%- endmacro %}

{#- Commitments, adjustments and prepaid between a seller and a buyer that can be settled one after the other. -#}
{% macro most_settling_steps() -%} 16 {%- endmacro %}

{#- What the invoice line of a plan's charge reads: its name, and which component of it where that is not the charge. -#}
{% macro charge_description() -%}
    charge_name || case
        when component in ('usage', 'recurring', 'one_time') then '' else ' (' || replace(component, '_', ' ') || ')'
    end
{%- endmacro %}

{#- What the row's maximum takes off an amount (negative), and what its minimum then adds; 0 without one. -#}
{% macro over_maximum(amount) -%}
    case when maximum_amount < {{ amount }} then maximum_amount - ({{ amount }}) else 0 end
{%- endmacro %}

{% macro under_minimum(amount) -%}
    case
        when minimum_amount > {{ amount }} + {{ over_maximum(amount) }}
            then minimum_amount - ({{ amount }} + {{ over_maximum(amount) }})
        else 0
    end
{%- endmacro %}
