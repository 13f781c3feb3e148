-- One row per line of the vendors' bills, in FOCUS 1.2's words (snake_case; what FOCUS has no word for starts with x_).
-- A view over the lake: writing it would cost more than the whole month. Sums to the vendor's bill to the last decimal.
{{ config(materialized='view', meta={'line_level': true, 'row_key': ['delivery_id', 'source_file', 'source_row']}) }}

with

aws_lines as (
    select * from {{ ref('int_allocation__lines_classified') }}
),

focus_lines as (
    select * from {{ ref('int_allocation__focus_lines_classified') }}
),

aws_focused as (
    select
        -- period and account
        billing_period,
        billing_period as service_period,
        billing_period_start,
        billing_period_end,
        charge_period_start,
        charge_period_end,
        charge_date as x_charge_date,
        payer_account_id,
        payer_account_id as billing_account_id,
        usage_account_id as sub_account_id,
        'AWS' as provider_name,
        'aws' as x_vendor,
        case billing_entity
            when 'AWS Marketplace' then coalesce(legal_entity, product_name, 'AWS Marketplace')
            else 'Amazon Web Services'
        end as publisher_name,
        coalesce(legal_entity, 'Amazon Web Services') as invoice_issuer_name,
        invoice_id,

        -- cost
        {{ vendor_amount('billed_cost') }} as billed_cost,
        effective_cost,
        {{ vendor_amount('list_cost') }} as list_cost,
        {{ vendor_amount('contracted_cost') }} as contracted_cost,
        currency as billing_currency,

        -- charge
        charge_category,
        charge_class,
        charge_description,
        charge_frequency,

        -- what was bought
        service_name,
        sku_id,
        sku_price_id,
        cast(billed_quantity as decimal(38, 18)) as pricing_quantity,
        pricing_unit,
        cast(case charge_category when 'Usage' then billed_quantity end as decimal(38, 18)) as consumed_quantity,
        case charge_category when 'Usage' then pricing_unit end as consumed_unit,

        -- commitment
        commitment_discount_id,
        case commitment_kind
            when 'savings_plan' then 'Spend'
            when 'reservation' then case when commitment_status is not null or reservation_arn is not null then 'Usage' end
        end as commitment_discount_category,
        case commitment_kind
            when 'savings_plan' then 'Savings Plan'
            when 'reservation'
                then case when commitment_status is not null or reservation_arn is not null then 'Reserved Instance' end
        end as commitment_discount_type,
        case
            when commitment_status = 'Unused' and effective_cost = 0 then null
            else commitment_status
        end as commitment_discount_status,

        -- where
        region_id,
        availability_zone,
        resource_id,
        tags,

        -- the vendor's own words
        line_item_type as x_line_item_type,
        line_item_id as x_line_item_id,
        usage_type as x_usage_type,
        operation as x_operation,
        bill_type as x_bill_type,
        tax_type as x_tax_type,
        product_name as x_product_name,
        product_family as x_product_family,
        instance_type as x_instance_type,
        {{ arn_account('commitment_discount_id') }} as x_commitment_owner_account_id,
        split_parent_resource_id as x_split_parent_resource_id,
        {{ vendor_amount('split_cost') }} as x_split_cost,
        {{ vendor_amount('split_unused_cost') }} as x_split_unused_cost,
        {{ vendor_amount('net_unblended_cost') }} as x_net_unblended_cost,
        {{ vendor_amount('blended_cost') }} as x_blended_cost,
        product_attributes as x_product_attributes,
        cost_categories as x_cost_categories,
        discounts as x_discounts,
        other_attributes as x_other_attributes,

        -- where the line came from
        delivery_id,
        source_file,
        source_row
    from aws_lines
),

-- What a FOCUS bill says already, under the same names; AWS's own words it has not.
focus_focused as (
    select
        billing_period,
        billing_period as service_period,
        billing_period_start,
        billing_period_end,
        charge_period_start,
        charge_period_end,
        charge_date as x_charge_date,
        payer_account_id,
        payer_account_id as billing_account_id,
        usage_account_id as sub_account_id,
        provider_name,
        vendor as x_vendor,
        coalesce(publisher_name, provider_name) as publisher_name,
        coalesce(invoice_issuer_name, provider_name) as invoice_issuer_name,
        invoice_id,
        {{ vendor_amount('billed_cost') }} as billed_cost,
        {{ vendor_amount('effective_cost') }} as effective_cost,
        {{ vendor_amount('list_cost') }} as list_cost,
        {{ vendor_amount('contracted_cost') }} as contracted_cost,
        currency as billing_currency,
        charge_category,
        charge_class,
        charge_description,
        charge_frequency,
        service_name,
        sku_id,
        sku_price_id,
        cast(billed_quantity as decimal(38, 18)) as pricing_quantity,
        pricing_unit,
        cast(consumed_quantity as decimal(38, 18)) as consumed_quantity,
        consumed_unit,
        commitment_discount_id,
        commitment_discount_category,
        commitment_discount_type,
        commitment_status as commitment_discount_status,
        region_id,
        availability_zone,
        resource_id,
        tags,
        line_item_type as x_line_item_type,
        cast(null as varchar) as x_line_item_id,
        usage_type as x_usage_type,
        cast(null as varchar) as x_operation,
        cast(null as varchar) as x_bill_type,
        cast(null as varchar) as x_tax_type,
        cast(null as varchar) as x_product_name,
        cast(null as varchar) as x_product_family,
        cast(null as varchar) as x_instance_type,
        {{ arn_account('commitment_discount_id') }} as x_commitment_owner_account_id,
        cast(null as varchar) as x_split_parent_resource_id,
        cast(null as decimal(38, 18)) as x_split_cost,
        cast(null as decimal(38, 18)) as x_split_unused_cost,
        cast(null as decimal(38, 18)) as x_net_unblended_cost,
        cast(null as decimal(38, 18)) as x_blended_cost,
        product_attributes as x_product_attributes,
        cast(null as varchar) as x_cost_categories,
        cast(null as varchar) as x_discounts,
        other_attributes as x_other_attributes,
        delivery_id,
        source_file,
        source_row
    from focus_lines
),

focused as (
    select * from aws_focused
    union all
    select * from focus_focused
)

select * from focused
