{#- A month made in parts, each of the values of one column between two of them, so that what is held of a part is let go
    before the next. A model says so with meta in_parts: {column, sizes, size}: a model of the month that it reads, and the
    column there that tells how much of a part's rows there is. It asks for its part with in_part, wherever it reads. -#}

{#- Whether a row is of the part that is made; every row outside of the materialization, and where nothing is made in parts.
    Two plain comparisons: by those, and not by a join or an `or`, DuckDB skips groups of rows it need not read. -#}
{% macro in_part(column) -%} {{ return(adapter.dispatch('in_part', 'meterhouse')(column)) }} {%- endmacro %}

{% macro default__in_part(column) -%} true {%- endmacro %}

{% macro duckdb__in_part(column) -%}
    {{ column }} >= coalesce(cast(getvariable('part_from') as varchar), '')
    and {{ column }} < coalesce(cast(getvariable('part_until') as varchar), chr(1114111))
{%- endmacro %}

{#- Where parts begin after the first, in order: none where all of it is one. A value is in one part whatever its size. -#}
{% macro parts_of_month(in_parts, month) -%}
    {%- set query -%}
        with

        sizes as (
            select {{ in_parts.column }} as value, sum({{ in_parts.size }}) as size
            from {{ ref(in_parts.sizes) }}
            where {{ month }}
            group by all
        ),

        placed as (
            select value, (sum(size) over (order by value) - size) // {{ var('part_size') }} as part
            from sizes
        )

        select min(value) from placed
        group by part
        order by 1
        offset 1
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() | list) }}
{%- endmacro %}

{#- Replaces the month part by part. The model may read what it replaces, so a part's former rows are deleted after its new
    ones are there: within a transaction DuckDB numbers new rows above all that were stored before. A temporary table would
    be held until the commit. -#}
{% macro month_in_parts(table, is_first, query, month, starts) -%}
    {%- if is_first %}
        create table {{ table }} as select * from (
            {{ query }}
        ) as computed
        limit 0;
    {%- endif %}
        set variable last_stored = (select coalesce(max(rowid), -1) from {{ table }});
        reset variable part_from;
    {%- for start in [none] + starts %}
        {%- if start is not none %}
        set variable part_from = '{{ start | replace("'", "''") }}';
        {%- endif %}
        {%- if not loop.last %}
        set variable part_until = '{{ starts[loop.index0] | replace("'", "''") }}';
        {%- else %}
        reset variable part_until;
        {%- endif %}
        insert into {{ table }} by name
        select * from (
            {{ query }}
        ) as computed
        where {{ month }};
    {%- endfor %}
        reset variable part_from;
        delete from {{ table }} where {{ month }} and rowid <= getvariable('last_stored');
{%- endmacro %}
