-- One row per delivered file: what arrived, what became of it, and how many of its rows count.
{{ config(materialized='view') }}
with

delivered as (
    select * from {{ source('lake', 'deliveries') }}
),

described as (
    select
        billing_period,
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
        control_total,
        version,
        superseded_by,
        contract_version,
        received_at,
        landed_at
    from delivered
)

select * from described
