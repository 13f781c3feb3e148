-- The bill's lines with the account, or the part of an account, that used them: one row per delivered line. A part is
-- what a tag or cost category gives to somebody else than the account's owner. A commitment is its account's, whatever
-- its fee is tagged with. Where the catalog assigns nothing by tags, the lines pass through and their tags are not read.
-- Only the columns that allocation needs: DuckDB reads every column that a union lists.
{%- set columns = [
    'billing_period', 'payer_account_id', 'service_name', 'sku_id', 'usage_type', 'region_id', 'charge_date',
    'charge_period_start', 'charge_period_end', 'pricing_unit', 'currency', 'line_item_type', 'charge_category',
    'commitment_kind', 'commitment_discount_id',
    'billed_cost', 'effective_cost', 'billed_quantity', 'effective_quantity', 'list_cost', 'contracted_cost',
] %}
with

lines as (
    {{ bill_lines(columns) }}
),

-- The same once more, because DuckDB writes a CTE down that is read twice: 10 million lines took 57 CPU-seconds, not 6.
lines_with_tags as (
    {{ bill_lines(columns + ['commitment_status', 'tags', 'cost_categories']) }}
),

tags_assigned as (
    select * from {{ ref('int_allocation__tags_assigned') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

payers as (
    select * from {{ ref('int_allocation__payers_billed') }}
),

any_key as (
    select count(*) as key_count from owners
    where resource_kind in {{ tag_kinds() }}
),

passed_through as (
    select
        {% for column in columns %}lines.{{ column }}, {% endfor %}
        lines.usage_account_id
    from lines
    inner join any_key
        on any_key.key_count = 0
),

parted as (
    select
        {% for column in columns %}lines_with_tags.{{ column }}, {% endfor %}
        case
            when tags_assigned.assigned_by is null or tags_assigned.party_id = owners.party_id then lines_with_tags.usage_account_id
            else lines_with_tags.usage_account_id || '#' || tags_assigned.assigned_by
        end as usage_account_id
    from lines_with_tags
    inner join any_key
        on any_key.key_count > 0
    left join tags_assigned
        on lines_with_tags.billing_period = tags_assigned.billing_period
        and {{ tags_read(
            'lines_with_tags.tags', 'lines_with_tags.charge_category', 'lines_with_tags.commitment_discount_id',
            'lines_with_tags.commitment_status'
        ) }} = tags_assigned.tags
        and coalesce(lines_with_tags.cost_categories, '') = tags_assigned.cost_categories
        and {{ valid_on('tags_assigned', 'lines_with_tags.charge_date') }}
    left join payers
        on lines_with_tags.billing_period = payers.billing_period
        and lines_with_tags.payer_account_id = payers.payer_account_id
    left join owners
        on case when tags_assigned.assigned_by is not null then {{ account_resource_kind('payers.vendor') }} end
        = owners.resource_kind
        and lines_with_tags.usage_account_id = owners.resource_id
        and {{ valid_on('owners', 'lines_with_tags.charge_date') }}
),

assigned as (
    select * from passed_through
    union all
    select * from parted
)

select * from assigned
