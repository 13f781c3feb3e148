-- What each month is computed from, as of now: of every bill its delivery, of every feed of samples or events a hash over
-- its deliveries of the month, of every catalog table the delivery that stands. An issue keeps them, so that a later
-- correction can say what came in between.
with

delivery_totals as (
    select distinct
        source,
        table_name,
        account,
        billing_period,
        delivery_id
    from {{ source('lake', 'delivery_totals') }}
    where is_current
),

named as (
    select
        billing_period as service_period,
        case
            when source = 'catalog' then 'catalog ' || table_name
            when source in ('edge', 'cloudevents', 'wso2') then source
            else source || ' ' || account
        end as input,
        delivery_id
    from delivery_totals
    where source = 'catalog' or billing_period is not null
),

identified as (
    select
        service_period,
        input,
        count(*) as number_of_deliveries,
        case
            when count(*) = 1 then min(delivery_id)
            else cast(count(*) as varchar) || ' deliveries '
                || substring({{ dbt.hash(dbt.listagg('delivery_id', "' '", 'order by delivery_id')) }}, 1, 16)
        end as identity
    from named
    group by service_period, input
)

select * from identified
