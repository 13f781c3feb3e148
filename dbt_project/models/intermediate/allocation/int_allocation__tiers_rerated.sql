-- Usage whose price list has volume tiers that more than one customer of the payer fills together: what each account's
-- part cost in the pool, what it would cost its customer alone, and what it carries in `real` after the payer's term.
-- Reads the bill's lines once more, but only those of services with tiers: no tiers, no cost.
with

lines as (
    select * from {{ ref('int_allocation__lines_assigned') }}
),

prices as (
    select * from {{ ref('stg_catalog__vendor_prices') }}
    where vendor = 'aws'
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

-- A list is a pool of several SKUs, or else one match of the catalog; only one with several tiers can be pooled.
lists as (
    select
        *,
        case pool when 'ANY' then service || '/' || sku || '/' || usage_type else pool end as pool_id,
        count(*) over (partition by service, sku, usage_type, pool, currency, valid_from) as tier_count
    from prices
),

tiered_services as (
    select distinct service from lists
    where tier_count > 1
),

usage as (
    select
        lines.billing_period,
        last_day(lines.billing_period) as last_date,
        lines.payer_account_id,
        lines.usage_account_id as account_id,
        lines.service_name,
        lines.sku_id,
        coalesce(lines.usage_type, '-') as usage_type,
        coalesce(lines.region_id, '-') as region_id,
        coalesce(lines.pricing_unit, '-') as pricing_unit,
        lines.currency,
        sum(lines.effective_quantity) as quantity,
        sum(lines.effective_cost) as effective_amount
    from lines
    inner join tiered_services
        on lines.service_name = tiered_services.service or tiered_services.service = 'ANY'
    where lines.charge_category = 'Usage' and lines.commitment_kind is null
    group by all
),

-- The list of the month's last day holds; the most specific match wins.
matched as (
    select
        usage.*,
        lists.pool_id,
        lists.valid_from as list_from,
        lists.tier_count
    from usage
    inner join lists
        on lists.lower = 0
        and lists.service in (usage.service_name, 'ANY')
        and lists.sku in (usage.sku_id, 'ANY')
        and lists.usage_type in (usage.usage_type, 'ANY')
        and usage.currency = lists.currency
        and usage.last_date >= lists.valid_from
        and usage.last_date < lists.valid_to
    qualify
        row_number() over (
            partition by
                usage.billing_period, usage.payer_account_id, usage.account_id, usage.service_name, usage.sku_id,
                usage.usage_type, usage.region_id, usage.pricing_unit, usage.currency
            order by
                case when lists.sku = 'ANY' then 1 else 0 end, case when lists.usage_type = 'ANY' then 1 else 0 end,
                case when lists.service = 'ANY' then 1 else 0 end, lists.pool_id
        ) = 1
),

-- A month's tiers are one affair: an account's customer is the one that owns it on the last day.
owned as (
    select
        matched.billing_period,
        matched.last_date,
        matched.payer_account_id,
        matched.account_id,
        coalesce(owners.party_id, 'account ' || matched.account_id) as customer_id,
        matched.pool_id,
        matched.list_from,
        matched.region_id,
        matched.service_name,
        matched.sku_id,
        matched.pricing_unit,
        matched.currency,
        cast(sum(matched.quantity) as decimal(38, 12)) as quantity,
        {{ vendor_amount('sum(matched.effective_amount)') }} as effective_amount
    from matched
    left join owners
        on {{ owns_part('owners', 'matched.account_id', 'matched.last_date') }}
    where matched.tier_count > 1
    group by all
),

pooled as (
    select
        *,
        account_id || '/' || service_name || '/' || sku_id || '/' || pricing_unit as member_key,
        {{ vendor_amount(
            'sum(effective_amount) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)'
        ) }} as pool_amount
    from owned
    qualify
        min(customer_id) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)
        <> max(customer_id) over (partition by billing_period, payer_account_id, pool_id, region_id, currency)
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
    select distinct pool_id, valid_from as list_from, currency, lower, upper, unit_price from lists
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
