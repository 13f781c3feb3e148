{#- Arithmetic of metering: products and means of quantities, exact far beyond what one decimal product holds. -#}

{#- Series are compared with '.', '-' and '/' read as '_': agents and their shippers write one name differently. -#}
{% macro series_key(series) -%} translate({{ series }}, '.-/', '___') {%- endmacro %}

{#- Of the values delivered under one key the largest is kept, for every type of sample: for a counter it is the newest,
    for the others it is a rule that no order of arrival can bend. -#}
{% macro kept_value(value) -%} max({{ value }}) {%- endmacro %}

{#- quantity × factor, rounded once to 12 decimals, half away from zero. The quantity has up to 26 whole digits and 12
    decimals, the factor up to 18 and 18; a plain product of the two would overflow at 1e8. Every part has the sign of
    the product and all but the last are multiples of 1e-12, so rounding the last rounds the whole. -#}
{% macro multiply(quantity, factor) -%}
{%- set whole_quantity = 'cast(trunc(cast(' ~ quantity ~ ' as decimal(38, 12))) as decimal(26, 0))' -%}
{%- set part_quantity =
    'cast(cast(' ~ quantity ~ ' as decimal(38, 12)) - ' ~ whole_quantity ~ ' as decimal(12, 12))' -%}
{%- set whole_factor = 'cast(trunc(' ~ factor ~ ') as decimal(18, 0))' -%}
{%- set part_factor = 'cast(' ~ factor ~ ' - ' ~ whole_factor ~ ' as decimal(18, 18))' -%}
{%- set unit = 'cast(0.000000000001 as decimal(18, 18))' -%}
{%- set fine_factor = 'cast(mod(' ~ part_factor ~ ', ' ~ unit ~ ') as decimal(18, 18))' -%}
{%- set coarse_factor = 'cast(' ~ part_factor ~ ' - ' ~ fine_factor ~ ' as decimal(12, 12))' -%}
{%- set fine_product = 'cast(' ~ whole_quantity ~ ' * ' ~ fine_factor ~ ' as decimal(38, 18))' -%}
{%- set fine_rest = 'cast(mod(' ~ fine_product ~ ', ' ~ unit ~ ') as decimal(18, 18))' -%}
    cast(
        cast(cast({{ quantity }} as decimal(38, 12)) * {{ whole_factor }} as decimal(38, 12))
        + cast({{ whole_quantity }} * {{ coarse_factor }} as decimal(38, 12))
        + cast({{ fine_product }} - {{ fine_rest }} as decimal(38, 12))
        + cast(
            cast({{ fine_rest }} as decimal(38, 30))
            + cast({{ part_quantity }} * {{ part_factor }} as decimal(38, 30)) as decimal(38, 12)
        ) as decimal(38, 12)
    )
{%- endmacro %}

{#- value × seconds at 12 decimals, half away from zero; given are whole microseconds, less than 1000 seconds of them. Above
    1e17 the value's digits past the sixth decimal are left out: there the exact product would not fit, and no sensor measures
    them.
    Whole seconds, which most agents keep, give 12 decimals by themselves: DuckDB rounds a wide product in 2 µs, twice
    what all else of a sample takes. -#}
{% macro value_seconds(value, microseconds) -%}
{%- set seconds = 'cast(' ~ seconds_of(microseconds) ~ ' as decimal(15, 6))' -%}
    case
        when {{ microseconds }} = 0 then 0
        when abs({{ value }}) >= 100000000000000000
            then cast(cast({{ value }} as decimal(38, 6)) * {{ seconds }} as decimal(38, 12))
        when mod({{ microseconds }}, 1000000) = 0
            then cast({{ value }} as decimal(38, 12)) * cast({{ whole_quotient(microseconds, 1000000) }} as decimal(3, 0))
        else cast(cast({{ value }} as decimal(38, 12)) * {{ seconds }} as decimal(38, 12))
    end
{%- endmacro %}

{#- value_seconds / seconds at 12 decimals, half away from zero; null where no second was observed.
    Long division in whole numbers (1e-12 of a unit, microseconds), because `/` gives DOUBLE on DuckDB. -#}
{% macro time_weighted_mean(value_seconds, seconds) -%}
    {{ return(adapter.dispatch('time_weighted_mean', 'meterhouse')(value_seconds, seconds)) }}
{%- endmacro %}

{% macro default__time_weighted_mean(value_seconds, seconds) -%}
{%- set whole_number = 'decimal(38, 0)' -%}
{%- set dividend = '(cast(abs(' ~ value_seconds ~ ') * 1000000000000 as ' ~ whole_number ~ '))' -%}
{%- set divisor = '(cast(nullif(' ~ seconds ~ ', 0) * 1000000 as ' ~ whole_number ~ '))' -%}
{%- set rest = 'mod(' ~ dividend ~ ', ' ~ divisor ~ ')' -%}
{%- set doubled = '(2000000 * ' ~ rest ~ ' + ' ~ divisor ~ ')' -%}
    cast(
        sign({{ value_seconds }}) * (
            {{ whole_quotient(dividend, divisor) }} * 1000000 + {{ whole_quotient(doubled, '(2 * ' ~ divisor ~ ')') }}
        ) * 0.000000000001 as decimal(38, 12)
    )
{%- endmacro %}

{% macro duckdb__time_weighted_mean(value_seconds, seconds) -%}
{%- set whole_part = 'cast(trunc(abs(' ~ value_seconds ~ ')) as hugeint)' -%}
{%- set decimals =
    'cast((abs(' ~ value_seconds ~ ') - trunc(abs(' ~ value_seconds ~ '))) * 1000000000000 as hugeint)' -%}
{%- set dividend = '(' ~ whole_part ~ ' * 1000000000000 + ' ~ decimals ~ ')' -%}
{%- set divisor = 'cast(nullif(' ~ seconds ~ ', 0) * 1000000 as hugeint)' -%}
    cast(
        cast(
            sign({{ value_seconds }}) * (
                ({{ dividend }} // {{ divisor }}) * 1000000
                + (2000000 * ({{ dividend }} % {{ divisor }}) + {{ divisor }}) // (2 * {{ divisor }})
            ) as decimal(38, 0)
        ) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
    )
{%- endmacro %}

{#- One row per part of a text split at a separator: columns `key` and `part`. -#}
{% macro split_to_rows(relation, key, text, separator) -%}
    {{ return(adapter.dispatch('split_to_rows', 'meterhouse')(relation, key, text, separator)) }}
{%- endmacro %}

{% macro default__split_to_rows(relation, key, text, separator) -%}
    select {{ key }}, cast(parts.value as varchar) as part
    from {{ relation }}, lateral flatten(input => split({{ text }}, '{{ separator }}')) as parts
{%- endmacro %}

{% macro duckdb__split_to_rows(relation, key, text, separator) -%}
    select {{ key }}, unnest(string_split({{ text }}, '{{ separator }}')) as part from {{ relation }}
{%- endmacro %}

{#- The window that puts the event kept of one key first. Every column that can differ takes part, so that the choice
    depends on contents alone. -#}
{% macro greatest_event_first() -%}
    partition by source, event_id
    order by
        value desc nulls last, text_value desc nulls last, occurred_at desc, type desc, resource_kind desc,
        resource_id desc, voids desc nulls last, data desc
{%- endmacro %}
