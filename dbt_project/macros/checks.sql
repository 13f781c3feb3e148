{#- What a data test looks at of a relation that has months: those of the run (`--event-time-start`, `--event-time-end`), as a
    monthly model does, so that the checks of a month cost a month however many stand beside it. All of them where the run
    names none, as when a month is issued. `months_around` adds that many months before and after. -#}
{% macro in_run(relation, months_around=0) -%}
    {%- set first, end = invocation_args_dict.get('event_time_start'), invocation_args_dict.get('event_time_end') -%}
    {%- if first and end -%}
        (
            select * from {{ relation }}
            where
                billing_period >= {{ add_months("date '" ~ first.strftime('%Y-%m-%d') ~ "'", -months_around) }}
                and billing_period < {{ add_months("date '" ~ end.strftime('%Y-%m-%d') ~ "'", months_around) }}
        )
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#- dbt's own tests of columns, and unique_key, see the run's months of a model that has an event time. `unique` sees all:
    its column alone names a row, in every month. -#}
{% macro get_where_subquery(relation) -%}
    {%- set tested = graph.nodes[model.attached_node].config if execute and model.attached_node else {} -%}
    {%- if tested.get('event_time') and model.test_metadata.name != 'unique' -%}
        {{ return(in_run(relation)) }}
    {%- endif -%}
    {{ return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) }}
{%- endmacro %}
