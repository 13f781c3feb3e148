-- One row per day, meter, resource and dimension value.
select
    strftime(usage.billing_period, '%Y-%m') as month,
    usage_date as day,
    meter_id as meter,
    resource_kind,
    resource_id as resource,
    dimension_value,
    owner_party_id,
    coalesce(parties.name, owner_party_id) as owner,
    quantity,
    period_quantity,
    unit,
    gap_seconds
from fct_metered_usage as usage
left join dim_party as parties on usage.owner_party_id = parties.party_id
order by all
