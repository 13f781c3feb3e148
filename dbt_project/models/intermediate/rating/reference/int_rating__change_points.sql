-- The days on which the catalog's word on owners, payers, edges or price rules changes. Between two of them every
-- lookup gives the same answer, so the days of a month are priced once per segment instead of once per day.
with

owners as (
    select valid_from, valid_to from {{ ref('stg_catalog__resource_owners') }}
),

payers as (
    select valid_from, valid_to from {{ ref('stg_catalog__payers') }}
),

agreements as (
    select valid_from, valid_to from {{ ref('stg_catalog__agreements') }}
),

price_rules as (
    select valid_from, valid_to from {{ ref('stg_catalog__price_rules') }}
),

validities as (
    select * from owners
    union all
    select * from payers
    union all
    select * from agreements
    union all
    select * from price_rules
),

change_points as (
    select valid_from as change_date from validities
    union
    select valid_to as change_date from validities
)

select * from change_points
