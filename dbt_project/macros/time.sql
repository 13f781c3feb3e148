{#- Instants, days and zones. Instants are UTC without zone. -#}

{#- A sample of a gauge holds until the next one, at most so long (money.md section 5); whole seconds, at most 900. -#}
{% macro staleness_seconds() -%} 300 {%- endmacro %}

{#- The day the wall clock of a zone shows at an instant. -#}
{% macro local_date(time_zone, instant) -%}
    {{ return(adapter.dispatch('local_date', 'meterhouse')(time_zone, instant)) }}
{%- endmacro %}

{% macro default__local_date(time_zone, instant) -%}
    cast(convert_timezone('UTC', {{ time_zone }}, {{ instant }}) as date)
{%- endmacro %}

{% macro duckdb__local_date(time_zone, instant) -%}
    cast(timezone({{ time_zone }}, timezone('UTC', {{ instant }})) as date)
{%- endmacro %}

{#- Start of the quarter hour that holds the instant: since 2000 every zone changes its day on this grid. -#}
{% macro quarter_hour(instant) -%}
    {{ return(adapter.dispatch('quarter_hour', 'meterhouse')(instant)) }}
{%- endmacro %}

{% macro default__quarter_hour(instant) -%} time_slice({{ instant }}, 15, 'minute') {%- endmacro %}

{% macro duckdb__quarter_hour(instant) -%} time_bucket(interval '15 minutes', {{ instant }}) {%- endmacro %}

{#- Start of the five minutes that hold the instant: the buckets a 95th percentile is taken over. -#}
{% macro five_minutes(instant) -%}
    {{ return(adapter.dispatch('five_minutes', 'meterhouse')(instant)) }}
{%- endmacro %}

{% macro default__five_minutes(instant) -%} time_slice({{ instant }}, 5, 'minute') {%- endmacro %}

{% macro duckdb__five_minutes(instant) -%} time_bucket(interval '5 minutes', {{ instant }}) {%- endmacro %}

{#- Whole microseconds as seconds, decimal(24, 6). -#}
{% macro seconds_of(microseconds) -%}
    cast(cast({{ microseconds }} as decimal(18, 0)) * cast(0.000001 as decimal(6, 6)) as decimal(24, 6))
{%- endmacro %}

{#- Seconds from one instant to a later one, exact to the microsecond, as decimal(24, 6). -#}
{% macro seconds_between(earlier, later) -%}
    {{ seconds_of("datediff('microsecond', " ~ earlier ~ ', ' ~ later ~ ')') }}
{%- endmacro %}

{#- A query of one column `number`: 0, 1, … count - 1. -#}
{% macro numbers(count) -%}
    {{ return(adapter.dispatch('numbers', 'meterhouse')(count)) }}
{%- endmacro %}

{% macro default__numbers(count) -%}
    select row_number() over (order by seq4()) - 1 as number from table(generator(rowcount => {{ count }}))
{%- endmacro %}

{% macro duckdb__numbers(count) -%}
    select range as number from range({{ count }})
{%- endmacro %}
