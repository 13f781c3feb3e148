-- Every line that corrects an issued month, with the changed inputs that can have changed it and the reason each gives: one
-- row per line, reason and input; without them where no changed input explains the line.
with

items as (
    select * from {{ ref('int_rating__invoice_items_described') }}
    where charge_class = 'Correction'
),

ledger_invoices as (
    select * from {{ source('lake', 'ledger_invoices') }}
),

inputs_changed as (
    select * from {{ ref('int_rating__inputs_changed') }}
),

owners_moved as (
    select * from {{ ref('int_rating__owners_moved') }}
),

payers as (
    select * from {{ ref('int_rating__payers_delivered') }}
),

reasons as (
    select * from {{ ref('restatement_reasons') }}
),

resellers as (
    select distinct seller_id from {{ ref('stg_catalog__agreements') }}
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

touched as (
    select
        corrections.item_id,
        corrections.service_period,
        corrections.buyer_id,
        corrections.kind_of_charge,
        corrections.payer_account_id,
        coalesce(payers.account, corrections.payer_account_id) as delivered_account,
        corrections.account_id,
        corrections.corrects_line_id,
        corrections.takes_back,
        coalesce(corrections.quantity, 0) <> 0 as changes_quantity,
        inputs_changed.input,
        inputs_changed.identity_before,
        inputs_changed.identity_after
    from corrections
    inner join inputs_changed
        on corrections.seller_id = inputs_changed.seller_id
        and corrections.billing_period = inputs_changed.billing_period
        and corrections.service_period = inputs_changed.service_period
        and (corrections.invoice_status = 'draft') = inputs_changed.is_draft
    left join payers
        on corrections.service_period = payers.billing_period
        and corrections.payer_account_id = payers.payer_account_id
),

-- Lines that a move of ownership reaches: of cloud cost those of its account (any, where tags decide), of the rest those
-- of the party it moved from or to, and of whoever resells. The move is all there is to say of a line that is new to its
-- buyer, or no longer rated for it.
reassigned as (
    select
        touched.item_id,
        max(
            case
                when
                    touched.kind_of_charge = 'cloud'
                    and owners_moved.resource_id = touched.account_id
                    and (touched.corrects_line_id is null or touched.payer_account_id is null) then 1
                else 0
            end
        ) = 1 as nothing_else
    from touched
    inner join owners_moved
        on touched.input = 'catalog resource_owners'
        and touched.service_period = owners_moved.service_period
        and touched.identity_before = owners_moved.identity_before
        and touched.identity_after = owners_moved.identity_after
    left join resellers on touched.buyer_id = resellers.seller_id
    where
        case touched.kind_of_charge
            when 'cloud'
                then owners_moved.resource_id = touched.account_id or owners_moved.resource_kind in {{ tag_kinds() }}
            when 'usage'
                then touched.changes_quantity
                    and not {{ is_account_kind('owners_moved.resource_kind') }}
                    and owners_moved.resource_kind not in {{ tag_kinds() }}
                    and (owners_moved.party_id = touched.buyer_id or resellers.seller_id is not null)
            when 'commitment' then owners_moved.party_id = touched.buyer_id or resellers.seller_id is not null
        end
    group by touched.item_id
),

-- Of a feed of bills the row names the account of its deliveries behind the feed; samples that changed no quantity are no reason, nor is a
-- move of ownership that does not reach the line, and a void's reason is the person's.
found as (
    select
        touched.item_id,
        reasons.reason,
        touched.input,
        touched.identity_before,
        touched.identity_after
    from touched
    inner join reasons
        on touched.kind_of_charge = reasons.kind_of_charge
        and (
            touched.input = reasons.input
            or (
                reasons.reason = 'restated_bill'
                and touched.input
                = reasons.input || ' '
                || coalesce(touched.delivered_account, substring(touched.input, length(reasons.input) + 2))
            )
        )
    left join reassigned on touched.item_id = reassigned.item_id
    where
        touched.takes_back is null
        and (reasons.reason <> 'reassigned' or reassigned.item_id is not null)
        and (reasons.reason = 'reassigned' or not coalesce(reassigned.nothing_else, false))
        and (reasons.reason <> 'late_usage' or touched.kind_of_charge <> 'usage' or touched.changes_quantity)
),

explained as (
    select
        corrections.*,
        found.reason,
        found.input,
        found.identity_before,
        found.identity_after
    from corrections
    left join found on corrections.item_id = found.item_id
)

select * from explained
