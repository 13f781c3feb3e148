-- Everything that came out as a correction of an issued month: which month, why, what the inputs were before and after,
-- and how much. A view: one row per correction line, so its amounts are those of the invoices.
{{ config(materialized='view') }}

with

items as (
    select * from {{ ref('int_rating__invoice_items_described') }}
    where charge_class = 'Correction'
),

ledger_inputs as (
    select * from {{ source('lake', 'ledger_inputs') }}
),

ledger_invoices as (
    select * from {{ source('lake', 'ledger_invoices') }}
),

inputs_now as (
    select * from {{ ref('int_rating__period_inputs') }}
),

reasons as (
    select * from {{ ref('restatement_reasons') }}
),

owner_rows as (
    select * from {{ source('catalog', 'resource_owners') }}
),

resellers as (
    select distinct seller_id from {{ ref('stg_catalog__agreements') }}
),

-- A catalog is often delivered whole again: a table with the bytes and the good rows of before has not changed.
catalog_contents as (
    select delivery_id, min(sha256 || ' ' || cast(rows_loaded as varchar)) as content
    from {{ source('lake', 'deliveries') }}
    where source = 'catalog'
    group by delivery_id
),

corrections as (
    select
        items.*,
        documents.refers_to as takes_back,
        documents.why,
        originals.voided_by is not null as original_is_voided,
        case
            when items.component in ('cloud', 'recurring', 'rounding') then items.component
            when items.component = 'one_time' then 'recurring'
            when items.component in ('minimum', 'maximum', 'overage', 'prepaid', 'adjustment') then 'commitment'
            else 'usage'
        end as kind_of_charge
    from items
    left join ledger_invoices as documents
        on items.invoice_id = documents.invoice_id and documents.is_void
    left join ledger_invoices as originals on items.corrects_invoice_id = originals.invoice_id
),

-- The month that was closed last before the correction, whose inputs are those "before".
closes as (
    select distinct seller_id, invoice_period from ledger_inputs
),

closes_before as (
    select
        corrections.seller_id,
        corrections.billing_period,
        max(closes.invoice_period) as invoice_period
    from (select distinct seller_id, billing_period from corrections) as corrections
    inner join closes
        on corrections.seller_id = closes.seller_id and corrections.billing_period > closes.invoice_period
    group by corrections.seller_id, corrections.billing_period
),

-- Entries of before inputs were kept explain nothing.
places as (
    select distinct
        corrections.seller_id,
        corrections.billing_period,
        corrections.service_period,
        corrections.invoice_status = 'draft' as is_draft,
        closes_before.invoice_period as closed_before
    from corrections
    inner join closes_before
        on corrections.seller_id = closes_before.seller_id and corrections.billing_period = closes_before.billing_period
),

inputs_before as (
    select
        places.*,
        ledger_inputs.input,
        ledger_inputs.identity
    from places
    inner join ledger_inputs
        on places.seller_id = ledger_inputs.seller_id
        and places.closed_before = ledger_inputs.invoice_period
        and places.service_period = coalesce(ledger_inputs.service_period, places.service_period)
),

inputs_after as (
    select
        places.*,
        ledger_inputs.input,
        ledger_inputs.identity
    from places
    inner join ledger_inputs
        on places.seller_id = ledger_inputs.seller_id
        and places.billing_period = ledger_inputs.invoice_period
        and places.service_period = coalesce(ledger_inputs.service_period, places.service_period)
    where not places.is_draft
    union all
    select
        places.*,
        inputs_now.input,
        inputs_now.identity
    from places
    inner join inputs_now on places.service_period = coalesce(inputs_now.service_period, places.service_period)
    where places.is_draft
),

inputs_seen as (
    select seller_id, billing_period, service_period, is_draft, input from inputs_before
    union distinct
    select seller_id, billing_period, service_period, is_draft, input from inputs_after
),

inputs_changed as (
    select
        inputs_seen.*,
        coalesce(inputs_before.identity, 'none') as identity_before,
        coalesce(inputs_after.identity, 'none') as identity_after
    from inputs_seen
    left join inputs_before
        on inputs_seen.seller_id = inputs_before.seller_id
        and inputs_seen.billing_period = inputs_before.billing_period
        and inputs_seen.service_period = inputs_before.service_period
        and inputs_seen.is_draft = inputs_before.is_draft
        and inputs_seen.input = inputs_before.input
    left join inputs_after
        on inputs_seen.seller_id = inputs_after.seller_id
        and inputs_seen.billing_period = inputs_after.billing_period
        and inputs_seen.service_period = inputs_after.service_period
        and inputs_seen.is_draft = inputs_after.is_draft
        and inputs_seen.input = inputs_after.input
    left join catalog_contents as contents_before
        on inputs_before.identity = contents_before.delivery_id and inputs_seen.input like 'catalog %'
    left join catalog_contents as contents_after
        on inputs_after.identity = contents_after.delivery_id and inputs_seen.input like 'catalog %'
    where
        coalesce(inputs_before.identity, 'none') <> coalesce(inputs_after.identity, 'none')
        and coalesce(contents_before.content, 'before') <> coalesce(contents_after.content, 'after')
),

-- Who owned what in the corrected month, by the catalog before and the one after, where the two differ.
owners_compared as (
    select distinct
        inputs_changed.service_period,
        inputs_changed.identity_before,
        inputs_changed.identity_after,
        owner_rows.resource_kind,
        owner_rows.resource_id,
        owner_rows.party_id,
        greatest(coalesce(owner_rows.valid_from, inputs_changed.service_period), inputs_changed.service_period) as owned_from,
        least(
            coalesce(owner_rows.valid_to, {{ add_months('inputs_changed.service_period', 1) }}),
            {{ add_months('inputs_changed.service_period', 1) }}
        ) as owned_to,
        case when owner_rows.delivery_id = inputs_changed.identity_after then 1 else -1 end as side
    from inputs_changed
    inner join owner_rows
        on owner_rows.delivery_id in (inputs_changed.identity_before, inputs_changed.identity_after)
    where
        inputs_changed.input = 'catalog resource_owners'
        and coalesce(owner_rows.valid_from, inputs_changed.service_period)
        < {{ add_months('inputs_changed.service_period', 1) }}
        and coalesce(owner_rows.valid_to, {{ add_months('inputs_changed.service_period', 1) }}) > inputs_changed.service_period
),

owners_moved as (
    select distinct service_period, identity_before, identity_after, resource_kind, resource_id, party_id
    from (
        select
            service_period, identity_before, identity_after, resource_kind, resource_id, party_id, owned_from, owned_to,
            sum(side) as side
        from owners_compared
        group by service_period, identity_before, identity_after, resource_kind, resource_id, party_id, owned_from, owned_to
    ) as sides
    where side <> 0
),

-- Lines that a move of ownership reaches: of cloud cost those of its account (any, where tags decide), of the rest those
-- of the party it moved from or to, and of whoever resells.
reassigned as (
    select
        corrections.item_id,
        -- New to this buyer, or no longer rated for it: only the move can have done that.
        max(
            case
                when
                    corrections.kind_of_charge = 'cloud'
                    and owners_moved.resource_id = corrections.account_id
                    and (corrections.corrects_line_id is null or corrections.payer_account_id is null) then 1
                else 0
            end
        ) = 1 as nothing_else
    from corrections
    inner join inputs_changed
        on corrections.seller_id = inputs_changed.seller_id
        and corrections.billing_period = inputs_changed.billing_period
        and corrections.service_period = inputs_changed.service_period
        and (corrections.invoice_status = 'draft') = inputs_changed.is_draft
        and inputs_changed.input = 'catalog resource_owners'
    inner join owners_moved
        on inputs_changed.service_period = owners_moved.service_period
        and inputs_changed.identity_before = owners_moved.identity_before
        and inputs_changed.identity_after = owners_moved.identity_after
    left join resellers on corrections.buyer_id = resellers.seller_id
    where
        (
            corrections.kind_of_charge = 'cloud'
            and (
                owners_moved.resource_id = corrections.account_id
                or owners_moved.resource_kind in {{ tag_kinds() }}
            )
        )
        or (
            corrections.kind_of_charge = 'usage'
            and coalesce(corrections.quantity, 0) <> 0
            and owners_moved.resource_kind not in ('aws_account', 'azure_subscription', 'gcp_project')
            and owners_moved.resource_kind not in {{ tag_kinds() }}
            and (owners_moved.party_id = corrections.buyer_id or resellers.seller_id is not null)
        )
        or (
            corrections.kind_of_charge = 'commitment'
            and (owners_moved.party_id = corrections.buyer_id or resellers.seller_id is not null)
        )
    group by corrections.item_id
),

-- Of a feed of bills the row names its payer behind the feed; samples that changed no quantity are no reason, nor is a
-- move of ownership that does not reach the line, and a void's reason is the person's.
explained as (
    select
        corrections.item_id,
        reasons.reason,
        inputs_changed.input,
        inputs_changed.identity_before,
        inputs_changed.identity_after
    from corrections
    inner join inputs_changed
        on corrections.seller_id = inputs_changed.seller_id
        and corrections.billing_period = inputs_changed.billing_period
        and corrections.service_period = inputs_changed.service_period
        and (corrections.invoice_status = 'draft') = inputs_changed.is_draft
    inner join reasons
        on corrections.kind_of_charge = reasons.kind_of_charge
        and (
            inputs_changed.input = reasons.input
            or (
                reasons.reason = 'restated_bill'
                and inputs_changed.input
                = reasons.input || ' '
                || coalesce(corrections.payer_account_id, substring(inputs_changed.input, length(reasons.input) + 2))
            )
        )
    left join reassigned on corrections.item_id = reassigned.item_id
    where
        corrections.takes_back is null
        and (reasons.reason <> 'reassigned' or reassigned.item_id is not null)
        and (reasons.reason = 'reassigned' or not coalesce(reassigned.nothing_else, false))
        and (
            reasons.reason <> 'late_usage'
            or corrections.kind_of_charge <> 'usage'
            or coalesce(corrections.quantity, 0) <> 0
        )
),

reasons_listed as (
    select
        item_id,
        {{ dbt.listagg('reason', "', '", 'order by reason') }} as reason
    from (select distinct item_id, reason from explained) as distinct_reasons
    group by item_id
),

inputs_listed as (
    select
        item_id,
        {{ dbt.listagg("input || ' ' || identity_before", "'; '", 'order by input') }} as inputs_before,
        {{ dbt.listagg("input || ' ' || identity_after", "'; '", 'order by input') }} as inputs_after
    from (select distinct item_id, input, identity_before, identity_after from explained) as distinct_inputs
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
