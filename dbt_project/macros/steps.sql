{#- How a step of a query is computed, where the engine's own choice fails. -#}

{#- `name as {{ written_down() }} (…)`: the step is computed whole before the next one reads it. DuckDB sorts what comes
    straight out of a union in memory alone: 1.8 million costs then need 900 MB, written down first 250. -#}
{% macro written_down() -%}
    {{ return(adapter.dispatch('written_down', 'meterhouse')()) }}
{%- endmacro %}

{% macro default__written_down() -%}{%- endmacro %}

{% macro duckdb__written_down() -%}
    materialized
{%- endmacro %}
