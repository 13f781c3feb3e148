{#- Splitting a fixed total over members by largest remainder (money.md section 1), in whole numbers throughout. -#}

{#- The rows of `relation` with their `part` of the total. Per partition: `total` is the same on every row, parts are
    proportional to `weight` (read at 12 decimals, may be negative), sum to the total exactly and are multiples of
    10^-scale but for what the total itself has beyond: that goes to the first row. A negative total splits as its absolute
    value, negated; ties go to the smaller key. Null where the weights sum to zero.
    `relation` must have no column that starts with `split_`. -#}
{% macro split_total(relation, partition_by, total, weight, key, scale='12') -%}
{%- set partition = partition_by | join(', ') -%}
{%- set units_of_twelve = '1000000000000' -%}
    select
        * exclude (
            split_unit, split_units, split_sign, split_weight, split_weights, split_high, split_low, split_cut,
            split_floor, split_rest, split_rank, split_left
        ),
        {{ vendor_amount(
            'sign(' ~ total ~ ') * ' ~ twelfths('(split_floor + case when split_rank <= split_left then 1 else 0 end) * split_unit')
            ~ ' + case when split_rank = 1 then ' ~ total ~ ' - sign(' ~ total ~ ') * ' ~ twelfths('split_units * split_unit')
            ~ ' else 0 end'
        ) }} as part
    from (
        select
            *,
            row_number() over (partition by {{ partition }} order by split_rest desc, {{ key }}) as split_rank,
            split_units - sum(split_floor) over (partition by {{ partition }}) as split_left
        from (
            -- A member of the other sign rounds down, too, which is away from zero.
            select
                * exclude (split_floor, split_rest),
                case when split_sign < 0 and split_rest > 0 then -split_floor - 1 else split_sign * split_floor end
                    as split_floor,
                case when split_sign < 0 and split_rest > 0 then split_weights - split_rest else split_rest end as split_rest
            from (
                -- units × weight / weights by long division, because the product can have 50 digits.
                select
                    *,
                    {{ whole_quotient('split_high * split_weight', 'split_weights') }} * {{ units_of_twelve }}
                    + {{ whole_quotient('(split_cut * ' ~ units_of_twelve ~ ' + split_low * split_weight)', 'split_weights') }}
                        as split_floor,
                    mod(split_cut * {{ units_of_twelve }} + split_low * split_weight, split_weights) as split_rest
                from (
                    select
                        *,
                        {{ whole_quotient('split_units', units_of_twelve) }} as split_high,
                        mod(split_units, {{ units_of_twelve }}) as split_low,
                        mod({{ whole_quotient('split_units', units_of_twelve) }} * split_weight, split_weights) as split_cut
                    from (
                        select
                            split_weighed.*,
                            {{ whole_quotient(whole(total), 'split_unit') }} as split_units,
                            {{ whole(weight) }} as split_weight,
                            sign({{ weight }}) * sign(sum({{ weight }}) over (partition by {{ partition }})) as split_sign,
                            nullif({{ whole('sum(' ~ weight ~ ') over (partition by ' ~ partition ~ ')') }}, 0) as split_weights
                        from (
                            select
                                {{ relation }}.*,
                                {{ whole_power('12 - (' ~ scale ~ ')') }} as split_unit
                            from {{ relation }}
                        ) as split_weighed
                    ) as split_counted
                ) as split_divided
            ) as split_cut_down
        ) as split_signed
    ) as split_ranked
{%- endmacro %}

{#- 10 to the power of 0 to 12, as a whole number. -#}
{% macro whole_power(exponent) -%}
    case {{ exponent }}
    {%- for digits in range(12) %} when {{ digits }} then 1{{ '0' * digits }}{% endfor %} else 1000000000000 end
{%- endmacro %}

{#- A whole number of 1e-12 as an amount. -#}
{% macro twelfths(expression) -%}
    cast(cast({{ expression }} as decimal(38, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12))
{%- endmacro %}

{#- Quotient of whole numbers, both not negative, without its rest. What is divided has no rest and the quotient is cast
    at once, so that `/` is exact wherever NUMBER / NUMBER has at least 6 decimals. -#}
{% macro whole_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('whole_quotient', 'meterhouse')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__whole_quotient(dividend, divisor) -%}
    cast(({{ dividend }} - mod({{ dividend }}, {{ divisor }})) / {{ divisor }} as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__whole_quotient(dividend, divisor) -%}
    ({{ dividend }} // {{ divisor }})
{%- endmacro %}
