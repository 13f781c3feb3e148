{#- What FOCUS bills write, as the house names it. -#}

{#- The vendor a provider's name means: the seed focus_providers says it, else the name in small letters. A slash parts a
    charge key. -#}
{% macro focus_vendor(providers, provider_name) -%}
    coalesce({{ providers }}.vendor, replace(lower({{ provider_name }}), '/', '-'))
{%- endmacro %}
