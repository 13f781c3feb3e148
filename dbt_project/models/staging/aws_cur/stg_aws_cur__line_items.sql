-- AWS bill lines of the current deliveries under the house's names: a view, one row per delivered line.
-- Not guaranteed by the source: line ids repeat; texts may be empty where they mean nothing; a row may lie outside its
-- billing period (corrections) or span it (tax, fees); split cost allocation rows repeat what their parent row carries.
with

delivered as (
    select * from {{ source('aws_cur', 'line_items') }}
),

named as (
    select
        billing_period,
        delivery_id,
        source_file,
        source_row,
        bill_payer_account_id as payer_account_id,
        line_item_usage_account_id as usage_account_id,
        line_item_line_item_type as line_item_type,
        line_item_product_code as service_name,
        coalesce(nullif(product_sku, ''), nullif(line_item_usage_type, ''), '-') as sku_id,
        {{ charge_day('line_item_usage_start_date', 'line_item_usage_end_date', 'billing_period') }} as charge_date,
        nullif(reservation_reservation_a_r_n, '') as reservation_arn,
        nullif(savings_plan_savings_plan_a_r_n, '') as savings_plan_arn,
        nullif(split_line_item_parent_resource_id, '') as split_parent_resource_id,
        nullif(pricing_unit, '') as pricing_unit,
        line_item_currency_code as currency,
        line_item_usage_amount as usage_quantity,
        line_item_unblended_cost as unblended_cost,
        line_item_net_unblended_cost as net_unblended_cost,
        line_item_blended_cost as blended_cost,
        pricing_public_on_demand_cost as public_on_demand_cost,
        reservation_effective_cost,
        reservation_net_effective_cost,
        reservation_unused_amortized_upfront_fee_for_billing_period as reservation_unused_upfront_fee,
        reservation_net_unused_amortized_upfront_fee_for_billing_period as reservation_net_unused_upfront_fee,
        reservation_unused_recurring_fee,
        reservation_net_unused_recurring_fee,
        reservation_unused_quantity,
        savings_plan_savings_plan_effective_cost as savings_plan_effective_cost,
        savings_plan_net_savings_plan_effective_cost as savings_plan_net_effective_cost,
        savings_plan_total_commitment_to_date as savings_plan_total_commitment,
        savings_plan_used_commitment,
        split_line_item_split_cost as split_cost,
        split_line_item_unused_cost as split_unused_cost,
        bill_billing_period_start_date as billing_period_start,
        bill_billing_period_end_date as billing_period_end,
        line_item_usage_start_date as charge_period_start,
        line_item_usage_end_date as charge_period_end,
        bill_bill_type as bill_type,
        nullif(bill_billing_entity, '') as billing_entity,
        nullif(bill_invoice_id, '') as invoice_id,
        identity_line_item_id as line_item_id,
        nullif(line_item_usage_type, '') as usage_type,
        nullif(line_item_operation, '') as operation,
        nullif(line_item_availability_zone, '') as availability_zone,
        nullif(line_item_resource_id, '') as resource_id,
        nullif(line_item_line_item_description, '') as charge_description,
        nullif(line_item_legal_entity, '') as legal_entity,
        nullif(line_item_tax_type, '') as tax_type,
        nullif(pricing_rate_id, '') as sku_price_id,
        nullif(product_product_name, '') as product_name,
        nullif(product_product_family, '') as product_family,
        nullif(product_region_code, '') as region_id,
        nullif(product_instance_type, '') as instance_type,
        product as product_attributes,
        resource_tags as tags,
        cost_category as cost_categories,
        discount as discounts,
        extra as other_attributes
    from delivered
)

select * from named
