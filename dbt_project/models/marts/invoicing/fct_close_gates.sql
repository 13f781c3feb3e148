-- One row per seller, month and gate: may the month be closed, and with which figures. Asked when the month is made; of a
-- closed month it is what the ledger keeps.
with

answers as (
    select * from {{ source('lake', 'close_gates') }}
),

described as (
    select
        billing_period,
        seller_id,
        gate_number,
        gate,
        passed,
        detail,
        not passed and waived_because is null as holds_close,
        waivable,
        waived_because,
        asked_at
    from answers
)

select * from described
