{#- JSON documents kept as text: labels of samples, tags of bills, payloads of quarantined rows. -#}

{#- The text under one key of a JSON object; null where it is absent. The key is an expression and is never read as a
    path, so a key with dots is one key. -#}
{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch('json_text', 'meterhouse')(document, key)) }}
{%- endmacro %}

{% macro default__json_text(document, key) -%}
    cast(get(parse_json({{ document }}), {{ key }}) as varchar)
{%- endmacro %}

{% macro duckdb__json_text(document, key) -%}
    {#- A pointer (RFC 6901), because a path reads `*` and a quote within its quotes. #}
    json_extract_string({{ document }}, '/' || replace(replace({{ key }}, '~', '~0'), '/', '~1'))
{%- endmacro %}

{#- An expression's text as JSON writes it, in quotes. -#}
{% macro json_literal(expression) -%}
    {{ return(adapter.dispatch('json_literal', 'meterhouse')(expression)) }}
{%- endmacro %}

{% macro default__json_literal(expression) -%} to_json(to_variant({{ expression }})) {%- endmacro %}

{% macro duckdb__json_literal(expression) -%} cast(to_json({{ expression }}) as varchar) {%- endmacro %}

{#- JSON text of an object, from a mapping of name to expression; nulls are kept, names in the order given. -#}
{% macro json_object_text(members) -%}
    {{ return(adapter.dispatch('json_object_text', 'meterhouse')(members)) }}
{%- endmacro %}

{% macro default__json_object_text(members) -%}
    to_json(object_construct_keep_null(
        {%- for name, expression in members.items() -%}
            '{{ name }}', {{ expression }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ))
{%- endmacro %}

{% macro duckdb__json_object_text(members) -%}
    cast(json_object(
        {%- for name, expression in members.items() -%}
            '{{ name }}', {{ expression }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ) as varchar)
{%- endmacro %}
