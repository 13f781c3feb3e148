-- One row per series, model and origin: how well the model would have forecast it.
select
    tested.party_id,
    coalesce(parties.name, tested.party_id) || ', ' || scope || ' ' || scope_value as label,
    model,
    strftime(origin_date, '%Y-%m-%d') as known_to,
    horizon,
    case when is_chosen then 'yes' else 'no' end as chosen,
    wape,
    mase,
    coverage
from fct_forecast_backtest as tested
left join dim_party as parties on tested.party_id = parties.party_id
order by label, model, known_to
