-- Step 3 of the floor: rated charges to the rows of fct_invoice_lines and fct_invoices. Nothing is issued yet, so a
-- draft line is what its key comes to. Each key is rounded once; where the rounded lines of an edge do not sum to its
-- rounded total, one line more says the difference. Tax is that of the rounded net amount.

create table fct_invoice_lines as
with keys as (
    select
        agreement_id,
        seller_id,
        buyer_id,
        charge_key,
        cast(sum(quantity) as decimal(38, 12)) as quantity,
        case when count(distinct unit_price) = 1 then min(unit_price) end as unit_price,
        cast(sum(amount) as decimal(38, 12)) as exact_amount
    from fct_rated_charges
    where not is_vendor_edge
    group by all
),

rounded as (
    select
        * exclude (unit_price),
        case when cast(quantity * unit_price as decimal(38, 12)) = exact_amount then unit_price end as unit_price,
        cast(cast(exact_amount as decimal(38, 2)) as decimal(38, 4)) as amount
    from keys
),

rounding as (
    select
        agreement_id,
        seller_id,
        buyer_id,
        agreement_id || '/rounding/standard' as charge_key,
        null as quantity,
        0 as exact_amount,
        null as unit_price,
        cast(sum(exact_amount) as decimal(38, 2)) - sum(amount) as amount
    from rounded
    group by all
),

lines as (
    select * from rounded
    union all
    select * from rounding
)

select
    'draft/' || agreement_id || '/2026-01' as invoice_id,
    agreement_id || '/2026-01/2026-01/' || charge_key as line_id,
    row_number() over (partition by agreement_id order by charge_key) as line_number,
    agreement_id,
    seller_id,
    buyer_id,
    charge_key,
    quantity,
    cast(unit_price as decimal(38, 12)) as unit_price,
    cast(exact_amount as decimal(38, 12)) as exact_amount,
    cast(amount as decimal(38, 4)) as amount
from lines
where amount <> 0;

create table fct_invoices as
with net_amounts as (
    select invoice_id, agreement_id, seller_id, buyer_id, cast(sum(amount) as decimal(38, 4)) as net_amount
    from fct_invoice_lines
    group by all
),

taxed as (
    select
        net_amounts.*,
        cast(cast(net_amount * cast(rate as decimal(18, 6)) as decimal(38, 2)) as decimal(38, 4)) as tax_amount
    from net_amounts
    cross join read_csv(getvariable('catalog') || '/tax_rates.csv', all_varchar = true)
)

select *, cast(net_amount + tax_amount as decimal(38, 4)) as total_amount from taxed;
