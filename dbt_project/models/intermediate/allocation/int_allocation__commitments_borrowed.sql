-- What accounts consumed of commitments other accounts bought, with the price it would have had on demand and the
-- customers on both sides: a customer is the party that owns the account on the day. An account nobody owns is a
-- customer of its own, because nothing says it belongs to another.
with

groups as (
    select * from {{ ref('int_allocation__bill_grouped') }}
    where effective_component = 'used' and owner_account_id <> usage_account_id
),

lines as (
    select * from {{ ref('int_allocation__lines_assigned') }}
    where charge_category = 'Usage' and commitment_kind is not null
),

commitments_owned as (
    select * from {{ ref('int_allocation__commitments_owned') }}
),

payers as (
    select * from {{ ref('int_allocation__payers_billed') }}
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
        commitment_discount_id,
        service_name,
        sku_id,
        charge_date,
        pricing_unit,
        currency,
        min(mechanism) as mechanism,
        {{ vendor_amount('sum(billed_cost)') }} as billed_cost,
        {{ vendor_amount('sum(on_demand_cost)') }} as on_demand_cost,
        {{ vendor_amount('sum(effective_cost)') }} as effective_cost,
        {{ vendor_amount('sum(list_cost)') }} as list_cost,
        cast(sum(billed_quantity) as decimal(38, 18)) as billed_quantity,
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
        payers.vendor,
        coalesce(terms.sharing_benefit, 'owner') as sharing_benefit,
        -- Nobody pays itself, and what is spread over all accounts is settled apart.
        case coalesce(terms.sharing_benefit, 'owner')
            when 'owner' then borrowed.to_account_id
            when 'payer' then nullif(borrowed.payer_account_id, borrowed.from_account_id)
        end as owed_to_account_id,
        coalesce(borrowers.party_id, 'account ' || borrowed.from_account_id) as from_customer_id,
        coalesce(lenders.party_id, 'account ' || borrowed.to_account_id) as to_customer_id,
        from_customer_id <> to_customer_id as is_across_customers
    from borrowed
    left join terms
        on borrowed.payer_account_id = terms.payer_account_id
        and last_day(borrowed.billing_period) >= terms.valid_from
        and last_day(borrowed.billing_period) < terms.valid_to
    left join payers
        on borrowed.billing_period = payers.billing_period
        and borrowed.payer_account_id = payers.payer_account_id
    left join owners as borrowers
        on {{ owns_part('borrowers', 'payers.vendor', 'borrowed.from_account_id', 'borrowed.charge_date') }}
    left join owners as lenders
        on {{ owns_part('lenders', 'payers.vendor', 'borrowed.to_account_id', 'borrowed.charge_date') }}
),

across_customers as (
    select distinct
        billing_period, payer_account_id, charge_date, from_account_id, to_account_id, from_customer_id, to_customer_id
    from termed
    where is_across_customers
),

-- A customer that lends and borrows in one hour might have used its own: standalone is then an upper bound for it.
days_both_ways as (
    select distinct lending.billing_period, lending.payer_account_id, lending.charge_date
    from across_customers as lending
    inner join across_customers as borrowing
        on lending.billing_period = borrowing.billing_period
        and lending.payer_account_id = borrowing.payer_account_id
        and lending.charge_date = borrowing.charge_date
        and lending.to_customer_id = borrowing.from_customer_id
),

any_day as (
    select count(*) as day_count from days_both_ways
),

-- The groups know the day; the hours are in the lines, which are read once more where there is such a day, else not (the
-- count says so: joined by days alone, DuckDB reads them first). A line longer than an hour (or of unknown length) counts
-- for every hour of its day.
accounts_by_hour as (
    select
        lines.billing_period,
        lines.payer_account_id,
        lines.charge_date,
        lines.usage_account_id as from_account_id,
        coalesce({{ arn_account('lines.commitment_discount_id') }}, commitments_owned.owner_account_id) as to_account_id,
        case
            when datediff('second', lines.charge_period_start, lines.charge_period_end) <= 3600
                then date_trunc('hour', lines.charge_period_start)
        end as usage_hour
    from lines
    inner join any_day
        on any_day.day_count > 0
    inner join days_both_ways
        on lines.billing_period = days_both_ways.billing_period
        and lines.payer_account_id = days_both_ways.payer_account_id
        and lines.charge_date = days_both_ways.charge_date
    left join commitments_owned
        on lines.billing_period = commitments_owned.billing_period
        and lines.payer_account_id = commitments_owned.payer_account_id
        and lines.commitment_discount_id = commitments_owned.commitment_discount_id
    group by all
),

customers_by_hour as (
    select
        across_customers.billing_period,
        across_customers.payer_account_id,
        across_customers.charge_date,
        across_customers.from_customer_id,
        across_customers.to_customer_id,
        accounts_by_hour.usage_hour
    from accounts_by_hour
    inner join across_customers
        on accounts_by_hour.billing_period = across_customers.billing_period
        and accounts_by_hour.payer_account_id = across_customers.payer_account_id
        and accounts_by_hour.charge_date = across_customers.charge_date
        and accounts_by_hour.from_account_id = across_customers.from_account_id
        and accounts_by_hour.to_account_id = across_customers.to_account_id
    group by all
),

both_ways as (
    select distinct
        lending.billing_period, lending.payer_account_id, lending.charge_date, lending.to_customer_id as customer_id
    from customers_by_hour as lending
    inner join customers_by_hour as borrowing
        on lending.billing_period = borrowing.billing_period
        and lending.payer_account_id = borrowing.payer_account_id
        and lending.charge_date = borrowing.charge_date
        and lending.to_customer_id = borrowing.from_customer_id
        and coalesce(lending.usage_hour = borrowing.usage_hour, true)
),

flagged as (
    select
        termed.* exclude (from_customer_id, to_customer_id),
        borrowing.customer_id is not null as borrower_lends_too,
        lending.customer_id is not null as lender_borrows_too
    from termed
    left join both_ways as borrowing
        on termed.billing_period = borrowing.billing_period
        and termed.payer_account_id = borrowing.payer_account_id
        and termed.charge_date = borrowing.charge_date
        and case when termed.is_across_customers then termed.from_customer_id end = borrowing.customer_id
    left join both_ways as lending
        on termed.billing_period = lending.billing_period
        and termed.payer_account_id = lending.payer_account_id
        and termed.charge_date = lending.charge_date
        and case when termed.is_across_customers then termed.to_customer_id end = lending.customer_id
)

select * from flagged
