-- One row per month, API, provider, application, consumer and currency: the requests an API gateway saw, and what is
-- charged for them. Every event counts in one row; where it is charged in several currencies, its counts stand in the
-- row of the first, so that requests, bytes and errors can be added whatever is asked. Amounts sum to the rated charges
-- of the meters that read API events: `amount` on the edge to who owns the application, provider or consumer,
-- `upstream_amount` on the edges above it.
with

months as (
    select * from {{ ref('stg_lake__months') }}
),

events as (
    select * from {{ ref('stg_wso2__events') }}
),

resources as (
    select * from {{ ref('int_metering__resources_owned') }}
),

charges as (
    select * from {{ ref('int_rating__api_charges_split') }}
),

reached as (
    {{ neighbouring_months('months') }}
),

around_month as (
    select
        events.* exclude (billing_period),
        reached.billing_period
    from reached
    inner join events on reached.sampled_period = events.billing_period
),

{%- set owners = ['applications', 'providers', 'consumers'] %}

-- The month is that of the final seller's zone: of who sells to the application's owner, else to the provider's, else
-- to the consumer's; who owns one of them and buys from nobody does not decide. The three ways may know an event in
-- different months; here it has one.
in_month as (
    select around_month.*
    from around_month
    {%- for kind, column in api_event_ways().items() %}
    left join resources as {{ owners[loop.index0] }}
        on around_month.billing_period = {{ owners[loop.index0] }}.billing_period
        and {{ owners[loop.index0] }}.resource_kind = '{{ kind }}'
        and around_month.{{ column }} = {{ owners[loop.index0] }}.resource_id
        and cast(around_month.occurred_at as date) = {{ owners[loop.index0] }}.owned_on
    {%- endfor %}
    inner join months
        on around_month.billing_period = months.billing_period
        and coalesce(
            {%- for owner in owners %}
            case when {{ owner }}.seller_id is not null or {{ owner }}.time_zone <> 'UTC' then {{ owner }}.time_zone end,
            {%- endfor %}
            'UTC'
        ) = months.time_zone
        and around_month.occurred_at >= months.starts_at
        and around_month.occurred_at < months.ends_at
),

{%- set who = 'billing_period, api_id, provider_id, application_id, consumer_id' %}

-- Requests that agree in all but their id may be one that was told twice.
alike as (
    select
        {{ who }},
        max(api_name) as api_name,
        max(api_version) as api_version,
        max(application_name) as application_name,
        count(*) as requests,
        sum(bytes) as bytes,
        count(case when is_error then 1 end) as errors
    from in_month
    group by {{ who }}, occurred_at, method, resource, status, bytes, event_type, error_type
),

counted as (
    select
        {{ who }},
        max(api_name) as api_name,
        max(api_version) as api_version,
        max(application_name) as application_name,
        sum(requests) as requests,
        coalesce(sum(bytes), 0) as bytes,
        sum(errors) as errors,
        sum(requests - 1) as probable_duplicates
    from alike
    group by {{ who }}
),

charged as (
    select
        {{ who }},
        sum(case when is_at_owner then amount else 0 end) as amount,
        sum(case when is_at_owner then 0 else amount end) as upstream_amount,
        currency
    from charges
    group by {{ who }}, currency
),

first_currencies as (
    select {{ who }}, min(currency) as currency from charged group by {{ who }}
),

counts_and_amounts as (
    select
        counted.*,
        0 as amount,
        0 as upstream_amount,
        first_currencies.currency
    from counted
    left join first_currencies
        on counted.billing_period = first_currencies.billing_period
        and counted.api_id = first_currencies.api_id
        and counted.provider_id = first_currencies.provider_id
        and counted.application_id = first_currencies.application_id
        and counted.consumer_id = first_currencies.consumer_id
    union all
    select
        {{ who }},
        cast(null as varchar) as api_name,
        cast(null as varchar) as api_version,
        cast(null as varchar) as application_name,
        0 as requests,
        0 as bytes,
        0 as errors,
        0 as probable_duplicates,
        amount,
        upstream_amount,
        currency
    from charged
),

used as (
    select
        billing_period,
        billing_period as service_period,
        api_id,
        max(api_name) as api_name,
        max(api_version) as api_version,
        provider_id,
        application_id,
        max(application_name) as application_name,
        consumer_id,
        cast(sum(requests) as bigint) as requests,
        cast(sum(bytes) as bigint) as bytes,
        cast(sum(errors) as bigint) as errors,
        cast(sum(probable_duplicates) as bigint) as probable_duplicates,
        {{ money('sum(amount)') }} as amount,
        {{ money('sum(upstream_amount)') }} as upstream_amount,
        currency
    from counts_and_amounts
    group by {{ who }}, currency
)

select * from used
