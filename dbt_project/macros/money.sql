{#- The only places where money is cast, divided or rounded (money.md section 1). -#}

{#- A derived amount: 12 decimals, half away from zero. -#}
{% macro money(expression) -%}
    cast({{ expression }} as decimal(38, 12))
{%- endmacro %}

{#- An amount at the vendor's own scale: exact to 18 decimals. -#}
{% macro vendor_amount(expression) -%}
    cast({{ expression }} as decimal(38, 18))
{%- endmacro %}

{#- numerator / denominator at 12 decimals, half away from zero; null where the denominator is zero or null.
    Whole numbers throughout, because `/` gives DOUBLE on DuckDB: exact while |numerator| < 8e13, beyond it raises. -#}
{% macro divide(numerator, denominator) -%}
    {{ return(adapter.dispatch('divide', 'meterhouse')(numerator, denominator)) }}
{%- endmacro %}

{% macro default__divide(numerator, denominator) -%}
    cast(
        sign({{ numerator }}) * sign({{ denominator }}) * {{ whole_quotient(
            '(2 * ' ~ whole(numerator) ~ ' * 1000000000000 + ' ~ whole(denominator) ~ ')',
            'nullif(2 * ' ~ whole(denominator) ~ ', 0)'
        ) }} * 0.000000000001 as decimal(38, 12)
    )
{%- endmacro %}

{% macro duckdb__divide(numerator, denominator) -%}
    cast(
        cast(
            sign({{ numerator }}) * sign({{ denominator }}) * (
                (2 * {{ whole(numerator) }} * 1000000000000 + {{ whole(denominator) }})
                // nullif(2 * {{ whole(denominator) }}, 0)
            ) as decimal(38, 0)
        ) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
    )
{%- endmacro %}

{#- |amount| as a whole number of 1e-12. -#}
{% macro whole(expression) -%}
    {{ return(adapter.dispatch('whole', 'meterhouse')(expression)) }}
{%- endmacro %}

{% macro default__whole(expression) -%}
    cast(abs(cast({{ expression }} as decimal(38, 12))) * 1000000000000 as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__whole(expression) -%}
    {#- By its digits: times 1e12 as a decimal, bytes of a hundred terabytes would overflow. #}
    cast(replace(cast(abs(cast({{ expression }} as decimal(38, 12))) as varchar), '.', '') as hugeint)
{%- endmacro %}

{#- The one rounding of an invoice line, half away from zero; minor_unit is the ISO 4217 exponent (0, 2, 3 or 4).
    The result has 4 decimals, the most ISO 4217 knows; another exponent gives null, which the contract refuses. -#}
{% macro round_money(amount, minor_unit) -%}
    cast(
        case {{ minor_unit }}
            when 0 then cast(cast({{ amount }} as decimal(38, 0)) as decimal(38, 4))
            when 2 then cast(cast({{ amount }} as decimal(38, 2)) as decimal(38, 4))
            when 3 then cast(cast({{ amount }} as decimal(38, 3)) as decimal(38, 4))
            when 4 then cast({{ amount }} as decimal(38, 4))
        end as decimal(38, 4)
    )
{%- endmacro %}
