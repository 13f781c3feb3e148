-- Bill rows of the current FOCUS deliveries under the house's names: a view, one row per delivered row.
-- Not guaranteed by the source: a delivery may hold several billing accounts and providers; columns that FOCUS calls
-- mandatory may be missing; a row may lie outside its billing period (corrections) or span it (purchases).
with

delivered as (
    select * from {{ source('focus', 'line_items') }}
),

named as (
    select
        billing_period,
        delivery_id,
        source_file,
        source_row,
        billing_account_id as payer_account_id,
        coalesce(nullif(sub_account_id, ''), billing_account_id) as usage_account_id,
        -- A row without a provider is the folder's it was delivered in: focus/<provider>/…
        coalesce(nullif(provider_name, ''), split_part(source_file, '/', 2)) as provider_name,
        coalesce(nullif(service_name, ''), '-') as service_name,
        coalesce(nullif(sku_id, ''), nullif(sku_price_id, ''), '-') as sku_id,
        {{ charge_day('charge_period_start', 'charge_period_end', 'billing_period') }} as charge_date,
        charge_category,
        nullif(charge_class, '') as charge_class,
        nullif(charge_frequency, '') as charge_frequency,
        nullif(charge_description, '') as charge_description,
        nullif(commitment_discount_id, '') as commitment_discount_id,
        case when nullif(commitment_discount_id, '') is not null then commitment_discount_category end
            as commitment_discount_category,
        case when nullif(commitment_discount_id, '') is not null then nullif(commitment_discount_type, '') end
            as commitment_discount_type,
        case when nullif(commitment_discount_id, '') is not null then nullif(commitment_discount_status, '') end
            as commitment_status,
        coalesce(nullif(pricing_unit, ''), nullif(consumed_unit, '')) as pricing_unit,
        coalesce(pricing_quantity, consumed_quantity) as pricing_quantity,
        nullif(consumed_unit, '') as consumed_unit,
        consumed_quantity,
        billing_currency as currency,
        billed_cost,
        -- Amortised as the provider did it; what it leaves out costs what it was billed at.
        coalesce(effective_cost, billed_cost) as effective_cost,
        list_cost,
        contracted_cost,
        billing_period_start,
        billing_period_end,
        charge_period_start,
        charge_period_end,
        nullif(invoice_id, '') as invoice_id,
        nullif(invoice_issuer_name, '') as invoice_issuer_name,
        nullif(publisher_name, '') as publisher_name,
        nullif(sku_meter, '') as usage_type,
        nullif(sku_price_id, '') as sku_price_id,
        nullif(region_id, '') as region_id,
        nullif(availability_zone, '') as availability_zone,
        nullif(resource_id, '') as resource_id,
        sku_price_details as product_attributes,
        tags,
        extra as other_attributes
    from delivered
)

select * from named
