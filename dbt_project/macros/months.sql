{#- Months and days without a clock: every date comes from a column. -#}

{#- The same day `number_of_months` later, clamped to the month's last day; a negative number goes back. -#}
{% macro add_months(date_expression, number_of_months) -%}
    cast({{ dbt.dateadd('month', number_of_months, date_expression) }} as date)
{%- endmacro %}

{% macro add_days(date_expression, number_of_days) -%}
    cast({{ dbt.dateadd('day', number_of_days, date_expression) }} as date)
{%- endmacro %}

{#- The first day of the month that holds the date, as a date (`date_trunc` alone gives a timestamp on DuckDB). -#}
{% macro first_of_month(date_expression) -%}
    cast(date_trunc('month', {{ date_expression }}) as date)
{%- endmacro %}

{#- Months counted from year 0, so that intervals of months are differences of whole numbers. -#}
{% macro month_number(date_expression) -%}
    (extract(year from {{ date_expression }}) * 12 + extract(month from {{ date_expression }}) - 1)
{%- endmacro %}

{#- The given day of a month (its first day is passed), clamped to the month's last day: 31 is 28, 29 or 30 where needed. -#}
{% macro day_of_month(month_expression, day_expression) -%}
    least(
        {{ add_days(month_expression, '(' ~ day_expression ~ ' - 1)') }},
        {{ add_days(add_months(month_expression, 1), -1) }}
    )
{%- endmacro %}

{#- YYYY-MM, as keys and file names write a month. -#}
{% macro month_text(date_expression) -%}
    substr(cast({{ date_expression }} as varchar), 1, 7)
{%- endmacro %}

{#- Days of a calendar of twelve months of 30 days: the 31st counts as the 30th. Differences of it add up. -#}
{% macro days_of_360(date_expression) -%}
    (30 * {{ month_number(date_expression) }} + least(extract(day from {{ date_expression }}), 30))
{%- endmacro %}

{#- The same of a day in a charge period: where it begins or ends, it is its billing day, also in a month too short for it,
    so that a whole charge period from 31 January to 27 February is 30 days. -#}
{% macro charge_days_of_360(date_expression) -%}
    case
        when {{ date_expression }} in (period_start, period_end)
            then 30 * {{ month_number(date_expression) }} + least(billing_day, 30)
        else {{ days_of_360(date_expression) }}
    end
{%- endmacro %}

{#- Each month with the UTC months that hold every event within its reach: zones are at most 14 hours off. To be joined by
    equality on `sampled_period`, so that the reader skips the files of all other months. -#}
{% macro neighbouring_months(months) -%}
    {%- for number_of_months in [-1, 0, 1] %}
    select distinct
        billing_period,
        {{ add_months('billing_period', number_of_months) }} as sampled_period
    from {{ months }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
