-- One row per month, API, provider, application and currency.
select
    strftime(billing_period, '%Y-%m') as month,
    coalesce(api_name, api_id) || coalesce(' ' || api_version, '') as api,
    provider_id as provider,
    coalesce(application_name, application_id) as application,
    sum(requests) as requests,
    sum(errors) as errors,
    sum(bytes) as bytes,
    sum(amount) as amount,
    usage.currency,
    any_value(fmt) as fmt
from fct_api_usage as usage
left join money_formats using (currency)
group by all
order by all
