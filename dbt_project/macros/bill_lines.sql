{#- The lines of every vendor's bill, with these columns: AWS's own reports and FOCUS bills. Only what is asked for, because
    DuckDB reads every column that a union lists. A FOCUS bill has no cost categories; its price without commitments is
    what the classification found. -#}
{% macro bill_lines(columns) -%}
    {%- set focus = {
        'cost_categories': 'cast(null as varchar)',
        'contracted_cost': 'price_without_commitments',
    } -%}
    select {{ columns | join(', ') }}, usage_account_id from {{ ref('int_allocation__lines_classified') }}
    union all
    select
        {% for column in columns %}{% if column in focus %}{{ focus[column] }} as {% endif %}{{ column }}, {% endfor %}
        usage_account_id
    from {{ ref('int_allocation__focus_lines_classified') }}
{%- endmacro %}
