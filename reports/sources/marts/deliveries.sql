-- One row per delivered file.
select
    strftime(billing_period, '%Y-%m') as month,
    source,
    table_name,
    account,
    delivery_id,
    name,
    uri,
    sha256,
    status,
    reason,
    rows_in,
    rows_loaded,
    rows_quarantined,
    strftime(received_at, '%Y-%m-%d %H:%M') as received_at,
    contract_version
from deliveries
order by received_at desc, uri
