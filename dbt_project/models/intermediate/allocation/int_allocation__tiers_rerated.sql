-- Usage in volume tiers that several customers fill together: what each account's part cost in the pool, what it would
-- cost its customer alone, and what it carries in `real` after the payer's term.
with

pooled as (
    select * from {{ ref('int_allocation__tiers_pooled') }}
),

prices as (
    select * from {{ ref('stg_catalog__vendor_prices') }}
    where vendor = 'aws'
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
),

customers as (
    select
        billing_period,
        payer_account_id,
        customer_id,
        pool_id,
        list_from,
        region_id,
        currency,
        cast(sum(quantity) as decimal(38, 12)) as quantity
    from pooled
    group by all
),

tiers as (
    select distinct {{ pool_of('prices') }} as pool_id, valid_from as list_from, currency, lower, upper, unit_price
    from prices
),

tiered as (
    select
        customers.billing_period,
        customers.payer_account_id,
        customers.customer_id,
        customers.pool_id,
        customers.region_id,
        customers.currency,
        cast({{ part_in_tier('customers.quantity', 'tiers') }} as decimal(38, 12)) as tier_quantity,
        tiers.unit_price
    from customers
    inner join tiers
        on customers.pool_id = tiers.pool_id
        and customers.list_from = tiers.list_from
        and customers.currency = tiers.currency
),

alone as (
    select
        billing_period,
        payer_account_id,
        customer_id,
        pool_id,
        region_id,
        currency,
        {{ vendor_amount('sum(' ~ multiply('tier_quantity', 'unit_price') ~ ')') }} as customer_amount
    from tiered
    group by all
),

members as (
    select pooled.*, alone.customer_amount
    from pooled
    inner join alone
        using (billing_period, payer_account_id, customer_id, pool_id, region_id, currency)
),

members_alone as (
    {{ split_total(
        'members', ['billing_period', 'payer_account_id', 'customer_id', 'pool_id', 'region_id', 'currency'],
        'customer_amount', 'quantity', 'member_key'
    ) }}
),

weighed as (
    select
        * exclude (part),
        {{ vendor_amount('coalesce(part, effective_amount)') }} as standalone_amount
    from members_alone
),

members_pro_rata as (
    {{ split_total(
        'weighed', ['billing_period', 'payer_account_id', 'pool_id', 'region_id', 'currency'], 'pool_amount',
        'standalone_amount', 'member_key'
    ) }}
),

rerated as (
    select
        members_pro_rata.billing_period,
        members_pro_rata.payer_account_id,
        members_pro_rata.account_id,
        members_pro_rata.customer_id,
        members_pro_rata.pool_id,
        members_pro_rata.region_id,
        members_pro_rata.service_name,
        members_pro_rata.sku_id,
        members_pro_rata.pricing_unit,
        members_pro_rata.currency,
        members_pro_rata.quantity,
        members_pro_rata.effective_amount,
        members_pro_rata.standalone_amount,
        {{ vendor_amount("""case terms.volume_benefit
            when 'pro_rata' then coalesce(members_pro_rata.part, members_pro_rata.effective_amount)
            when 'payer' then members_pro_rata.standalone_amount
            else members_pro_rata.effective_amount
        end""") }} as real_amount,
        coalesce(terms.sharing_benefit, 'owner') as sharing_benefit
    from members_pro_rata
    left join terms
        on members_pro_rata.payer_account_id = terms.payer_account_id
        and members_pro_rata.last_date >= terms.valid_from
        and members_pro_rata.last_date < terms.valid_to
)

select * from rerated
