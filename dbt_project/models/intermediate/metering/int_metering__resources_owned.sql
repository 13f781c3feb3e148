-- Who owns a metered resource on a day, who sells to that owner, and in whose time zone days are counted.
-- Each month with the day before and the day after it: zones reach past the month's UTC days.
-- Days reach past UTC days, too: one on which nobody sells is in the zone of who begins to sell on the next, if that has
-- begun there before midnight UTC, else of who sold on the day before, if that ends there after it. Without this the
-- first hours of a customer east of UTC, and the last ones of one west of it, would be nobody's.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

meters as (
    select * from {{ ref('stg_catalog__meters') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

parties as (
    select * from {{ ref('stg_catalog__parties') }}
),

numbers as (
    {{ numbers(35) }}
),

metered_kinds as (
    select distinct resource_kind from meters
),

billing_periods as (
    select distinct billing_period from months
),

days as (
    select
        billing_periods.billing_period,
        cast({{ dbt.dateadd('day', 'numbers.number - 2', 'billing_periods.billing_period') }} as date) as owned_on
    from billing_periods
    inner join numbers
        on
            numbers.number - 2
            <= datediff('day', billing_periods.billing_period, last_day(billing_periods.billing_period)) + 2
),

-- Two owners on one day are refused at load; should two be there, the later claim holds and rows are not doubled.
owned as (
    select
        days.billing_period,
        owners.resource_kind,
        owners.resource_id,
        days.owned_on,
        owners.party_id as owner_party_id
    from owners
    inner join metered_kinds on owners.resource_kind = metered_kinds.resource_kind
    inner join days on owners.valid_from <= days.owned_on and owners.valid_to > days.owned_on
    qualify
        row_number() over (
            partition by days.billing_period, owners.resource_kind, owners.resource_id, days.owned_on
            order by owners.valid_from desc, owners.party_id
        ) = 1
),

-- Usage is nobody's product but the seller's own: the edge without a vendor sells it, and one of a vendor while a
-- subscription is billed on it, as int_rating__edges_dated has it. Who has a subscription goes before who has none.
sellers_of_usage as (
    select
        agreement_id,
        seller_id,
        buyer_id,
        valid_from,
        valid_to,
        0 as is_subscribed
    from agreements
    where vendor = 'ANY'
    union all
    select
        agreements.agreement_id,
        agreements.seller_id,
        agreements.buyer_id,
        greatest(agreements.valid_from, subscriptions.valid_from, subscriptions.start_date) as valid_from,
        least(
            agreements.valid_to,
            subscriptions.valid_to,
            {{ add_days("least(subscriptions.end_date, cast('9999-12-30' as date))", 1) }}
        ) as valid_to,
        1 as is_subscribed
    from agreements
    inner join subscriptions
        on agreements.seller_id = subscriptions.seller_id
        and agreements.buyer_id = subscriptions.buyer_id
),

sold as (
    select
        owned.billing_period,
        owned.resource_kind,
        owned.resource_id,
        owned.owned_on,
        owned.owner_party_id,
        sellers_of_usage.seller_id
    from owned
    left join sellers_of_usage
        on
            owned.owner_party_id = sellers_of_usage.buyer_id
            and sellers_of_usage.valid_from <= owned.owned_on
            and sellers_of_usage.valid_to > owned.owned_on
    qualify
        row_number() over (
            partition by owned.billing_period, owned.resource_kind, owned.resource_id, owned.owned_on
            order by
                sellers_of_usage.is_subscribed desc nulls last,
                sellers_of_usage.valid_from desc,
                sellers_of_usage.agreement_id
        ) = 1
),

zoned as (
    select
        sold.billing_period,
        sold.resource_kind,
        sold.resource_id,
        sold.owned_on,
        sold.owner_party_id,
        sold.seller_id,
        coalesce(parties.time_zone, 'UTC') as time_zone
    from sold
    left join parties on sold.seller_id = parties.party_id
),

{% set days_of_resource = 'partition by billing_period, resource_kind, resource_id order by owned_on' %}
days_sold as (
    select
        *,
        coalesce(lag(owned_on) over ({{ days_of_resource }}) = {{ add_days('owned_on', -1) }}, false) as follows_on,
        coalesce(lead(owned_on) over ({{ days_of_resource }}) = {{ add_days('owned_on', 1) }}, false) as is_followed
    from zoned
    where seller_id is not null
),

days_beyond as (
    select
        billing_period,
        resource_kind,
        resource_id,
        {{ add_days('owned_on', -1) }} as owned_on,
        time_zone,
        1 as place
    from days_sold
    where not follows_on and {{ local_date('time_zone', dbt.dateadd('minute', -15, 'owned_on')) }} = owned_on
    union all
    select
        billing_period,
        resource_kind,
        resource_id,
        {{ add_days('owned_on', 1) }} as owned_on,
        time_zone,
        2 as place
    from days_sold
    where not is_followed and {{ local_date('time_zone', dbt.dateadd('day', 1, 'owned_on')) }} = owned_on
),

days_reached as (
    select * from days_beyond
    qualify
        row_number() over (partition by billing_period, resource_kind, resource_id, owned_on order by place) = 1
),

placed as (
    select
        coalesce(zoned.billing_period, days_reached.billing_period) as billing_period,
        coalesce(zoned.resource_kind, days_reached.resource_kind) as resource_kind,
        coalesce(zoned.resource_id, days_reached.resource_id) as resource_id,
        coalesce(zoned.owned_on, days_reached.owned_on) as owned_on,
        zoned.owner_party_id,
        zoned.seller_id,
        case when zoned.seller_id is null then days_reached.time_zone end as zone_reached,
        zoned.time_zone
    from zoned
    full outer join days_reached
        on zoned.billing_period = days_reached.billing_period
        and zoned.resource_kind = days_reached.resource_kind
        and zoned.resource_id = days_reached.resource_id
        and zoned.owned_on = days_reached.owned_on
),

around_month as (
    select
        billing_period,
        resource_kind,
        resource_id,
        owned_on,
        owner_party_id,
        seller_id,
        coalesce(zone_reached, time_zone) as time_zone
    from placed
    where
        owned_on >= {{ add_days('billing_period', -1) }}
        and owned_on <= {{ add_days('last_day(billing_period)', 1) }}
),

-- A zone the calendar does not hold would lose the usage; a test asks for it.
found as (
    select
        around_month.*,
        months.time_zone is not null as has_months
    from around_month
    left join months
        on around_month.billing_period = months.billing_period and around_month.time_zone = months.time_zone
)

select * from found
