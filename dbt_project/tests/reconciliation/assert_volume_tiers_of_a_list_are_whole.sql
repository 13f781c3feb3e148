-- Fails when the tiers of a vendor's price list do not start at 0, leave a gap, overlap, end, or differ between the SKUs
-- of one pool: usage alone could not be rated. Mend vendor_prices and run the month again.
{{ config(meta={'dagster': {'ref': {'name': 'stg_catalog__vendor_prices'}}}) }}

with

prices as (
    select * from {{ ref('stg_catalog__vendor_prices') }}
),

tiers as (
    select distinct
        vendor,
        case pool when 'ANY' then service || '/' || sku || '/' || usage_type else pool end as pool_id,
        currency,
        valid_from,
        lower,
        upper,
        unit_price
    from prices
),

neighbours as (
    select
        *,
        lag(upper) over (partition by vendor, pool_id, currency, valid_from order by lower, upper, unit_price) as upper_before,
        row_number() over (partition by vendor, pool_id, currency, valid_from order by lower, upper, unit_price) as tier_number,
        count(*) over (partition by vendor, pool_id, currency, valid_from) as tier_count
    from tiers
)

select * from neighbours
where
    (tier_number = 1 and lower <> 0)
    or (tier_number > 1 and lower is distinct from upper_before)
    or (tier_number < tier_count and upper is null)
    or (tier_number = tier_count and upper is not null)
