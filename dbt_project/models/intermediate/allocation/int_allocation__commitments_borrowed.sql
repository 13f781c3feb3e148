-- What accounts consumed of commitments other accounts bought, with the price it would have had on demand and the
-- customers on both sides: a customer is the party that owns the account on the day. An account nobody owns is a
-- customer of its own, because nothing says it belongs to another.
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
    where effective_component = 'used' and owner_account_id <> usage_account_id
),

terms as (
    select * from {{ ref('int_allocation__payer_terms_tiled') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

-- Covered usage and its negations meet here: only together do they have a price and an effective cost.
borrowed as (
    select
        billing_period,
        payer_account_id,
        usage_account_id as from_account_id,
        owner_account_id as to_account_id,
        mechanism,
        commitment_discount_id,
        service_name,
        sku_id,
        charge_date,
        pricing_unit,
        currency,
        {{ vendor_amount('sum(on_demand_cost)') }} as on_demand_cost,
        {{ vendor_amount('sum(effective_cost)') }} as effective_cost,
        {{ vendor_amount('sum(list_cost)') }} as list_cost,
        cast(sum(effective_quantity) as decimal(38, 18)) as quantity,
        cast(sum(lines_without_list_cost) as bigint) as lines_without_list_cost,
        cast(sum(lines_without_price) as bigint) as lines_without_price,
        cast(sum(line_count) as bigint) as line_count
    from groups
    group by all
),

-- The terms are those of the month's last day, like the cost basis; owners those of the day.
termed as (
    select
        borrowed.*,
        coalesce(terms.sharing_benefit, 'owner') as sharing_benefit,
        coalesce(borrowers.party_id, 'account ' || borrowed.from_account_id) as from_customer_id,
        coalesce(lenders.party_id, 'account ' || borrowed.to_account_id) as to_customer_id,
        from_customer_id <> to_customer_id as is_across_customers
    from borrowed
    left join terms
        on borrowed.payer_account_id = terms.payer_account_id
        and last_day(borrowed.billing_period) >= terms.valid_from
        and last_day(borrowed.billing_period) < terms.valid_to
    left join owners as borrowers
        on {{ owns_part('borrowers', 'borrowed.from_account_id', 'borrowed.charge_date') }}
    left join owners as lenders
        on {{ owns_part('lenders', 'borrowed.to_account_id', 'borrowed.charge_date') }}
),

-- A customer that lends and borrows on one day might have used its own: standalone is then an upper bound for it.
lenders_of_the_day as (
    select distinct billing_period, payer_account_id, charge_date, to_customer_id as customer_id
    from termed
    where is_across_customers
),

borrowers_of_the_day as (
    select distinct billing_period, payer_account_id, charge_date, from_customer_id as customer_id
    from termed
    where is_across_customers
),

both_ways as (
    select lenders_of_the_day.*
    from lenders_of_the_day
    inner join borrowers_of_the_day
        using (billing_period, payer_account_id, charge_date, customer_id)
),

flagged as (
    select
        termed.*,
        borrowing.customer_id is not null as borrower_lends_too,
        lending.customer_id is not null as lender_borrows_too
    from termed
    left join both_ways as borrowing
        on termed.is_across_customers
        and termed.billing_period = borrowing.billing_period
        and termed.payer_account_id = borrowing.payer_account_id
        and termed.charge_date = borrowing.charge_date
        and termed.from_customer_id = borrowing.customer_id
    left join both_ways as lending
        on termed.is_across_customers
        and termed.billing_period = lending.billing_period
        and termed.payer_account_id = lending.payer_account_id
        and termed.charge_date = lending.charge_date
        and termed.to_customer_id = lending.customer_id
)

select * from flagged
