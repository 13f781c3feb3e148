-- The months of each commitment and adjustment, with the interval ("term") a month belongs to and what a minimum comes to
-- in it: prorated by the days on which both the commitment and the subscription (or the agreement) run. Where two terms
-- meet within a month its charges count in the earlier one; the later has a row that counts nothing, in case it ends
-- there. One row per commitment, scope, month and term.
with

stepped as (
    select * from {{ ref('int_rating__commitments_stepped') }}
),

months as (
    select months.*
    from {{ ref('int_rating__months') }} as months
    inner join {{ ref('int_rating__first_period') }} as first_period
        on months.billing_period >= first_period.first_period
),

subscriptions as (
    select * from {{ ref('stg_catalog__subscriptions') }}
),

plan_charges as (
    select * from {{ ref('stg_catalog__plan_charges') }}
),

agreements as (
    select * from {{ ref('stg_catalog__agreements') }}
),

edges as (
    select * from {{ ref('int_rating__edges_dated') }}
),

in_months as (
    select
        stepped.*,
        months.billing_period as service_period,
        months.next_period,
        greatest(months.billing_period, stepped.start_date) as first_day,
        least({{ add_days('months.next_period', -1) }}, stepped.end_date) as last_day,
        case when stepped.interval_months = 1 then {{ first_of_month('stepped.start_date') }} else stepped.start_date end
            as anchor_date
    from stepped
    inner join months
        on stepped.start_date < months.next_period
        and stepped.end_date >= months.billing_period
),

day_in_terms as (
    select *, first_day as day_in_term, true as is_counted from in_months
    union all
    select *, last_day as day_in_term, false as is_counted from in_months
),

-- Whole months since the anchor, so that a term that begins on the 31st begins again on the last day of short months.
aged as (
    select
        *,
        {{ month_number('day_in_term') }} - {{ month_number('anchor_date') }} - case
            when {{ day_of_month(first_of_month('day_in_term'), 'extract(day from anchor_date)') }} > day_in_term then 1
            else 0
        end as months_old
    from day_in_terms
),

numbered as (
    select
        * exclude (months_old),
        case when interval_months = 0 then 0 else months_old - mod(months_old, interval_months) end as months_to_term
    from aged
    qualify
        row_number() over (
            partition by
                term_key,
                service_period,
                case when interval_months = 0 then 0 else months_old - mod(months_old, interval_months) end
            order by case when is_counted then 0 else 1 end
        ) = 1
),

bounded as (
    select
        * exclude (months_to_term, anchor_date, day_in_term),
        {{ add_months('anchor_date', 'months_to_term') }} as interval_start,
        case
            when interval_months = 0 then {{ add_days('least(end_date, cast(\'9999-12-30\' as date))', 1) }}
            else {{ add_months('anchor_date', '(months_to_term + interval_months)') }}
        end as interval_end
    from numbered
),

clipped as (
    select
        *,
        greatest(interval_start, start_date) as term_start,
        least({{ add_days('interval_end', -1) }}, end_date) as term_last_day,
        datediff('day', interval_start, interval_end) as interval_days
    from bounded
),

-- When what the scope is about runs: the versions of a subscription (those whose plan has the charge), or the agreement.
spans as (
    select
        stepped.term_key,
        greatest(subscriptions.start_date, subscriptions.valid_from) as runs_from,
        least(subscriptions.end_date, {{ add_days('subscriptions.valid_to', -1) }}) as runs_until
    from stepped
    inner join subscriptions on stepped.scope_subscription_id = subscriptions.subscription_id
    left join plan_charges
        on subscriptions.plan_id = plan_charges.plan_id
        and stepped.scope_charge_id = plan_charges.charge_id
    where stepped.scope_charge_id is null or plan_charges.charge_id is not null
    union all
    select
        stepped.term_key,
        agreements.valid_from as runs_from,
        {{ add_days('agreements.valid_to', -1) }} as runs_until
    from stepped
    inner join agreements on stepped.scope_agreement_id = agreements.agreement_id
),

run_days as (
    select
        clipped.term_key,
        clipped.service_period,
        clipped.term_start,
        cast(
            sum(
                datediff(
                    'day',
                    greatest(clipped.term_start, spans.runs_from),
                    least(clipped.term_last_day, spans.runs_until)
                ) + 1
            ) as bigint
        ) as run_days
    from clipped
    inner join spans
        on clipped.term_key = spans.term_key
        and spans.runs_from <= clipped.term_last_day
        and spans.runs_until >= clipped.term_start
        and spans.runs_from <= spans.runs_until
    group by all
),

-- A subscription's lines stand on the edge of its month's last day, or on the last there was.
edged as (
    select
        clipped.*,
        coalesce(edges.agreement_id, agreements.agreement_id) as agreement_id,
        coalesce(edges.currency, agreements.currency) as currency
    from clipped
    left join agreements on clipped.scope_agreement_id = agreements.agreement_id
    left join edges
        on case when clipped.scope_agreement_id is null then clipped.seller_id end = edges.seller_id
        and clipped.buyer_id = edges.buyer_id
        and edges.valid_from <= clipped.last_day
    qualify
        row_number() over (
            partition by clipped.term_key, clipped.service_period, clipped.term_start
            order by edges.valid_from desc
        ) = 1
),

dated as (
    select
        edged.* exclude (interval_start, interval_end, interval_days, first_day, last_day, next_period),
        edged.first_day as month_first_day,
        edged.last_day as month_last_day,
        {{ first_of_month('edged.term_last_day') }} = edged.service_period as is_last,
        coalesce(run_days.run_days, 0) as run_days,
        case
            when edged.kind not in ('minimum', 'overage') or run_days.run_days = edged.interval_days then edged.amount
            else {{ divide('edged.amount * coalesce(run_days.run_days, 0)', 'edged.interval_days') }}
        end as prorated_amount
    from edged
    left join run_days
        on edged.term_key = run_days.term_key
        and edged.service_period = run_days.service_period
        and edged.term_start = run_days.term_start
)

select * from dated
