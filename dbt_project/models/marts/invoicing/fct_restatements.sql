-- Everything that came out as a correction of an issued month: which month, why, what the inputs were before and after,
-- and how much. A view: one row per correction line, so its amounts are those of the invoices.
{{ config(materialized='view') }}

with

explained as (
    select * from {{ ref('int_rating__corrections_explained') }}
),

corrections as (
    select distinct * exclude (reason, input, identity_before, identity_after) from explained
),

reasons_listed as (
    select
        item_id,
        {{ dbt.listagg('reason', "', '", 'order by reason') }} as reason
    from (select distinct item_id, reason from explained) as reasons
    where reason is not null
    group by item_id
),

inputs_listed as (
    select
        item_id,
        {{ dbt.listagg("input || ' ' || identity_before", "'; '", 'order by input') }} as inputs_before,
        {{ dbt.listagg("input || ' ' || identity_after", "'; '", 'order by input') }} as inputs_after
    from (select distinct item_id, input, identity_before, identity_after from explained) as inputs
    where input is not null
    group by item_id
),

restated as (
    select
        corrections.billing_period,
        corrections.service_period,
        corrections.agreement_id,
        corrections.seller_id,
        corrections.buyer_id,
        corrections.charge_key,
        case
            when corrections.takes_back is not null then 'void'
            when corrections.kind_of_charge = 'rounding' then 'rounding'
            when corrections.original_is_voided then 'billed_again'
            when reasons_listed.reason is not null then reasons_listed.reason
            when corrections.corrects_line_id is null then 'not_billed_before'
            else 'computed_anew'
        end as reason,
        corrections.why,
        inputs_listed.inputs_before,
        inputs_listed.inputs_after,
        corrections.quantity,
        corrections.amount,
        corrections.currency,
        corrections.invoice_status as status,
        corrections.invoice_id,
        corrections.item_id as line_id,
        corrections.corrects_line_id
    from corrections
    left join reasons_listed on corrections.item_id = reasons_listed.item_id
    left join inputs_listed on corrections.item_id = inputs_listed.item_id
)

select * from restated
