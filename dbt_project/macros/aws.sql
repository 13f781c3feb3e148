{#- What AWS writes into its texts, read on every engine. -#}

{#- Account in an ARN (arn:partition:service:region:account:resource); null where it names none. -#}
{% macro arn_account(arn) -%}
    case when {{ arn }} like 'arn:%' then nullif(split_part({{ arn }}, ':', 5), '') end
{%- endmacro %}

{#- Day on which a row stands: its first day, or its last where it is longer than a day, because such a row belongs to
    who owns the account on its last day. The end is exclusive (some reports print 23:59:59, which gives the same day);
    a row that reaches beyond its billing period, such as an upfront fee of a year, stands on the period's last day. -#}
{% macro charge_day(starts_at, ends_at, billing_period) -%}
    case
        when datediff('second', {{ starts_at }}, {{ ends_at }}) > 86400
            then least(cast({{ ends_at }} - interval '1 microsecond' as date), last_day({{ billing_period }}))
        else cast({{ starts_at }} as date)
    end
{%- endmacro %}

{#- The net column where the payer's terms ask for it and the bill has it, else the gross one. -#}
{% macro net_or_gross(net, gross) -%}
    case when is_net then coalesce({{ net }}, {{ gross }}) else {{ gross }} end
{%- endmacro %}

{#- What the seed says of a line's type; an unknown type counts as an on-demand adjustment at unblended cost, so that no
    amount is lost while assert_every_line_item_type_is_known holds its month. -#}
{% macro of_type(column) -%}
    {%- set unknown = {
        'charge_category': 'Adjustment',
        'charge_frequency': 'Usage-Based',
        'contracted_rule': 'unblended',
        'quantity_rule': 'usage',
        'effective_rule': 'unblended',
        'billed_component': 'on_demand',
        'effective_component': 'on_demand',
        'owner_component': 'on_demand',
    } -%}
    coalesce(types.{{ column }}, '{{ unknown[column] }}')
{%- endmacro %}
