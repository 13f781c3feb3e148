{#- A month of a table, replaced in one transaction. dbt-duckdb's own fills a temporary table, asks for its columns five
    times and copies it: twice the writing, and 0.1 CPU-s a table. What it refuses is refused here: columns of another
    name or type, a broken contract. Rows of other months are left out, as there. A first run is dbt-duckdb's own, except
    that of a model in parts (meta in_parts). -#}
{% materialization incremental, adapter='duckdb' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set in_parts = config.get('meta', {}).get('in_parts') -%}
    {%- if (existing is none and not in_parts) or (existing is not none and existing.is_view) or should_full_refresh()
        or config.get('incremental_strategy') != 'microbatch' -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing is not none and not var('columns_stand', false) -%}
        {%- if config.get('contract').enforced -%}
            {%- do get_assert_columns_equivalent(compiled_code) -%}
        {%- endif -%}
        {%- do assert_columns_stand(existing, compiled_code) -%}
    {%- endif -%}

    {%- set month -%}
        {{ config.get('event_time') }} >= '{{ model.batch.event_time_start }}'
        and {{ config.get('event_time') }} < '{{ model.batch.event_time_end }}'
    {%- endset -%}
    {%- set table = this.incorporate(type='table') -%}
    {% call statement('main') -%}
        {%- if in_parts -%}
        {{ month_in_parts(table, existing is none, compiled_code, month, parts_of_month(in_parts, month)) }}
        {%- else -%}
        delete from {{ table }} where {{ month }};
        insert into {{ table }} by name
        select * from (
            {{ compiled_code }}
        ) as computed
        where {{ month }};
        {%- endif -%}
    {%- endcall %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [table]}) }}
{%- endmaterialization %}


{#- Fails where the query's columns and the table's differ in name or type. The query stands in it once: DuckDB binds it as
    often as it is written, 8 ms each. -#}
{% macro assert_columns_stand(relation, query) -%}
    {%- set differing = run_query(
        "select string_agg(coalesce("
        ~ "computed.column_name || ' ' || computed.column_type || ' is new',"
        ~ " kept.column_name || ' ' || kept.column_type || ' is gone'), ', ')"
        ~ " from (describe select * from (" ~ query ~ ") as rows_of_it) as computed"
        ~ " full join (describe " ~ relation ~ ") as kept"
        ~ " on computed.column_name = kept.column_name and computed.column_type = kept.column_type"
        ~ " where computed.column_name is null or kept.column_name is null"
    )[0][0] -%}
    {%- if differing -%}
        {%- do exceptions.raise_compiler_error(
            relation ~ ": its query's columns are no longer those of the table (" ~ differing
            ~ "): `meterhouse rebuild` makes the table anew"
        ) -%}
    {%- endif -%}
{%- endmacro %}
