-- What has changed under an issued month when a correction of it is billed: the inputs that stood when its seller last
-- closed a month, beside those at the correction's issue (of a draft: those that stand now), where the two differ.
with

lines as (
    select * from {{ ref('fct_invoice_lines') }}
),

ledger_inputs as (
    select * from {{ source('lake', 'ledger_inputs') }}
),

inputs_now as (
    select * from {{ ref('int_rating__period_inputs') }}
),

-- A catalog is often delivered whole again: a table with the bytes and the good rows of before has not changed.
catalog_contents as (
    select delivery_id, min(sha256 || ' ' || cast(rows_loaded as varchar)) as content
    from {{ source('lake', 'deliveries') }}
    where source = 'catalog'
    group by delivery_id
),

corrected as (
    select distinct seller_id, billing_period, service_period, status = 'draft' as is_draft
    from lines
    where charge_class = 'Correction'
),

-- The month that was closed last before the correction. Entries of before inputs were kept explain nothing.
closed_before as (
    select
        corrected.seller_id,
        corrected.billing_period,
        corrected.service_period,
        corrected.is_draft,
        max(ledger_inputs.invoice_period) as invoice_period
    from corrected
    inner join ledger_inputs
        on corrected.seller_id = ledger_inputs.seller_id and corrected.billing_period > ledger_inputs.invoice_period
    group by corrected.seller_id, corrected.billing_period, corrected.service_period, corrected.is_draft
),

inputs_known as (
    select
        closed_before.* exclude (invoice_period),
        ledger_inputs.input,
        ledger_inputs.identity as identity_before,
        cast(null as varchar) as identity_after
    from closed_before
    inner join ledger_inputs
        on closed_before.seller_id = ledger_inputs.seller_id
        and closed_before.invoice_period = ledger_inputs.invoice_period
        and closed_before.service_period = coalesce(ledger_inputs.service_period, closed_before.service_period)
    union all
    select
        closed_before.* exclude (invoice_period),
        ledger_inputs.input,
        cast(null as varchar) as identity_before,
        ledger_inputs.identity as identity_after
    from closed_before
    inner join ledger_inputs
        on closed_before.seller_id = ledger_inputs.seller_id
        and closed_before.billing_period = ledger_inputs.invoice_period
        and closed_before.service_period = coalesce(ledger_inputs.service_period, closed_before.service_period)
    where not closed_before.is_draft
    union all
    select
        closed_before.* exclude (invoice_period),
        inputs_now.input,
        cast(null as varchar) as identity_before,
        inputs_now.identity as identity_after
    from closed_before
    inner join inputs_now
        on closed_before.service_period = coalesce(inputs_now.service_period, closed_before.service_period)
    where closed_before.is_draft
),

inputs_compared as (
    select
        seller_id,
        billing_period,
        service_period,
        is_draft,
        input,
        coalesce(max(identity_before), 'none') as identity_before,
        coalesce(max(identity_after), 'none') as identity_after
    from inputs_known
    group by seller_id, billing_period, service_period, is_draft, input
),

inputs_changed as (
    select inputs_compared.*
    from inputs_compared
    left join catalog_contents as contents_before
        on case when inputs_compared.input like 'catalog %' then inputs_compared.identity_before end = contents_before.delivery_id
    left join catalog_contents as contents_after
        on case when inputs_compared.input like 'catalog %' then inputs_compared.identity_after end = contents_after.delivery_id
    where
        inputs_compared.identity_before <> inputs_compared.identity_after
        and coalesce(contents_before.content, 'before') <> coalesce(contents_after.content, 'after')
)

select * from inputs_changed
