-- One row per source, table, reason and column with rows that do not count; what a row says stays in the mart.
select
    strftime(billing_period, '%Y-%m') as month,
    source,
    table_name,
    account,
    reason,
    coalesce(column_name, '-') as column_name,
    count(*) as rows,
    min(source_file) as first_file,
    min(source_row) as first_row
from quarantine
group by all
order by all
