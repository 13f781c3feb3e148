{#- Marts stand in the target's own schema, where analysts look first; staging and intermediate stand beside it. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name is not none else target.schema }}
{%- endmacro %}
