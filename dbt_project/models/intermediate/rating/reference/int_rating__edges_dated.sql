-- The one edge on which a seller's subscriptions to a buyer are billed, by validity. Where a pair has several at once
-- (one per vendor), the one for any vendor, else the smallest id.
with

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

borders as (
    select seller_id, buyer_id, valid_from as border from agreements
    union
    select seller_id, buyer_id, valid_to as border from agreements
),

spans as (
    select
        seller_id,
        buyer_id,
        border as valid_from,
        lead(border) over (partition by seller_id, buyer_id order by border) as valid_to
    from borders
),

dated as (
    select
        spans.seller_id,
        spans.buyer_id,
        spans.valid_from,
        spans.valid_to,
        agreements.agreement_id,
        agreements.currency,
        agreements.proration,
        coalesce(agreements.fx_source, 'ANY') as fx_source,
        agreements.fx_fixed_rate
    from spans
    inner join agreements
        on spans.seller_id = agreements.seller_id
        and spans.buyer_id = agreements.buyer_id
        and {{ valid_on('agreements', 'spans.valid_from') }}
    where spans.valid_to is not null
    qualify
        row_number() over (
            partition by spans.seller_id, spans.buyer_id, spans.valid_from
            order by case when agreements.vendor = 'ANY' then 0 else 1 end, agreements.agreement_id
        ) = 1
)

select * from dated
