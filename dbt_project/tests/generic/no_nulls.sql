{#- Fails where a row lacks one of the columns: dbt's `not_null` of several columns as one check, one scan. -#}
{% test no_nulls(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {{ columns | join(' is null or ') }} is null
{% endtest %}
