{#- The five cost views, and what a stored account cost (int_allocation__costs_seen) is seen in: a view, or several. -#}

{#- One row per `seen_in` and cost view that shows it. -#}
{% macro views_seen_in() -%}
    {%- set cost_views = ['billed', 'effective', 'owner', 'real', 'standalone'] -%}
    {%- set shown = {
        'every view': cost_views,
        'every view but billed': ['effective', 'owner', 'real', 'standalone'],
        'every view but owner': ['billed', 'effective', 'real', 'standalone'],
        'billed, effective and real': ['billed', 'effective', 'real'],
    } -%}
    {%- for cost_view in cost_views -%}{%- do shown.update({cost_view: [cost_view]}) -%}{%- endfor -%}
    (
        select * from (
            values
            {%- for seen_in, seen_as in shown.items() %}
            {%- set last = loop.last %}
            {%- for cost_view in seen_as %}
            ('{{ seen_in }}', '{{ cost_view }}'){{ ',' if not (last and loop.last) }}
            {%- endfor %}
            {%- endfor %}
        ) as named (seen_in, cost_view)
    )
{%- endmacro %}
