-- Fails when two rows of fct_account_costs share their whole key, or a part of the key is null.
-- Looked for among the rows it is made of, which stand for several cost views: keys are told apart by a hash of 64 bits
-- first, because grouping all rows by 16 columns took four times as long. Rows whose hash another row has are compared by
-- the columns themselves, view by view, so two keys of one hash are no failure.
-- depends_on: {{ ref('fct_account_costs') }} (which shows each row in the views it is seen in)
{{ config(meta={'dagster': {'ref': {'name': 'fct_account_costs'}}}) }}
{%- set key -%}
billing_period, payer_account_id, sub_account_id, assigned_by, service_name, sku_id, charge_date, charge_category,
component, commitment_discount_id, pricing_unit, currency, origin_account_id, origin_assigned_by, allocation_rule_id
{%- endset %}
with

hashed as (
    select
        {{ key }},
        seen_in,
        hash({{ key }}) as key_hash,
        payer_account_id is null
        or sub_account_id is null
        or service_name is null
        or charge_date is null
        or currency is null as lacks_a_part
    from {{ in_run(ref('int_allocation__costs_seen')) }}
),

suspected as (
    select key_hash from hashed
    group by key_hash
    having count(*) > 1 or count_if(lacks_a_part) > 0
),

views_seen_in as {{ views_seen_in() }},

shown as (
    select
        hashed.*,
        views_seen_in.cost_view
    from hashed
    inner join views_seen_in
        on hashed.seen_in = views_seen_in.seen_in
    where hashed.key_hash in (select key_hash from suspected)
)

select
    {{ key }},
    cost_view,
    count(*) as row_count
from shown
group by {{ key }}, cost_view
having count(*) > 1 or count_if(lacks_a_part) > 0
