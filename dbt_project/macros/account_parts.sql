{#- Parts of an account. Where a tag or cost category gives usage to somebody else than the account's owner, that part is
    counted as an account of its own, `<account>#<resource kind>:<key=value>`; the rest of the account keeps its plain id.
    Vendors' account ids have no `#`. -#}

{#- The vendor's account of a part. -#}
{% macro part_account(part) -%}
    split_part({{ part }}, '#', 1)
{%- endmacro %}

{#- What gives the part away, `<resource kind>:<key=value>`; '-' for the account itself. -#}
{% macro part_assigned_by(part) -%}
    case when position('#' in {{ part }}) > 0 then substring({{ part }}, position('#' in {{ part }}) + 1) else '-' end
{%- endmacro %}

{#- Join condition: the row of resource_owners that says whose the part of a vendor's account is on a day. -#}
{% macro owns_part(owners, vendor, part, day) -%}
    (
        {{ owners }}.resource_kind || ':' || {{ owners }}.resource_id
        = case
            when position('#' in {{ part }}) > 0 then substring({{ part }}, position('#' in {{ part }}) + 1)
            else {{ account_resource_kind(vendor) }} || ':' || {{ part }}
        end
        and {{ valid_on(owners, day) }}
    )
{%- endmacro %}

{#- Whether a kind of resource_owners names accounts of a vendor (account_resource_kind). -#}
{% macro is_account_kind(kind) -%}
    ({{ kind }} in ('azure_subscription', 'gcp_project') or right({{ kind }}, 8) = '_account')
{%- endmacro %}

{#- The kinds of resource_owners that name usage inside accounts. -#}
{% macro tag_kinds() -%}
    ('aws_tag', 'aws_cost_category')
{%- endmacro %}

{#- The tags that assign a line, '' where it has none; null for the fee of a commitment, which is its account's, whatever it
    is tagged with. A key, not a condition: DuckDB compares every line with every tag where an outer join asks something
    of the line alone. -#}
{% macro tags_read(tags, charge_category, commitment_id, commitment_status) -%}
    case
        when
            not (
                {{ charge_category }} = 'Purchase'
                and ({{ commitment_id }} is not null or coalesce({{ commitment_status }}, '-') = 'Unused')
            )
            then coalesce({{ tags }}, '')
    end
{%- endmacro %}
