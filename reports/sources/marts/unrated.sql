-- One row per month, reason and kind of what could not be rated.
select
    strftime(service_period, '%Y-%m') as month,
    kind,
    reason,
    coalesce(meter_id, charge_key, charge_id, '-') as what,
    coalesce(resource_id, '-') as resource,
    holds_close,
    count(*) as rows,
    sum(quantity) as quantity,
    any_value(unit) as unit
from fct_unrated_usage
group by all
order by all
