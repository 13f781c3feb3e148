-- One row per account of a vendor: on a bill, named as an owned resource, or both.
{{ config(materialized='table') }}

with

costs as (
    select * from {{ ref('fct_monthly_costs') }}
),

resource_owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
),

billed as (
    select
        vendor,
        sub_account_id as account_id,
        max_by(payer_account_id, billing_period) as payer_account_id,
        min(billing_period) as first_billing_period,
        max(billing_period) as last_billing_period
    from costs
    group by all
),

owned as (
    select
        case resource_kind
            when 'azure_subscription' then 'azure'
            when 'gcp_project' then 'gcp'
            else left(resource_kind, length(resource_kind) - 8)
        end as vendor,
        resource_id as account_id,
        party_id,
        valid_from,
        valid_to
    from resource_owners
    where {{ is_account_kind('resource_kind') }}
    qualify row_number() over (partition by resource_kind, resource_id order by valid_from desc, valid_to desc, party_id) = 1
),

described as (
    select
        coalesce(billed.last_billing_period, {{ first_of_month('owned.valid_from') }}) as billing_period,
        coalesce(billed.vendor, owned.vendor) as vendor,
        coalesce(billed.account_id, owned.account_id) as account_id,
        billed.payer_account_id,
        coalesce(billed.payer_account_id = billed.account_id, false) as is_payer,
        coalesce(owned.party_id, 'unassigned') as party_id,
        owned.valid_from as party_valid_from,
        owned.valid_to as party_valid_to,
        billed.first_billing_period,
        billed.last_billing_period
    from billed
    full join owned
        on billed.vendor = owned.vendor
        and billed.account_id = owned.account_id
)

select * from described
