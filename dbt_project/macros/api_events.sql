{#- API gateway events: which of several contents of one id counts, and how meters name what an event says. -#}

{#- The window that puts the event kept of one id first. Every column that can differ takes part, so that the choice
    depends on contents alone. -#}
{% macro greatest_api_event_first() -%}
    partition by event_id
    order by
        occurred_at desc
        {%- for column in api_event_contents() %}, {{ column }} desc nulls last{% endfor %}
{%- endmacro %}

{#- What an event says besides its id and its instant. -#}
{% macro api_event_contents() -%}
    {{ return([
        'api_id', 'provider_id', 'application_id', 'consumer_id', 'status', 'bytes', 'event_type', 'error_type',
        'key_type', 'method', 'resource', 'api_name', 'api_version', 'application_name'
    ]) }}
{%- endmacro %}

{#- Column of stg_wso2__events -> the keys by which a meter's filter and dimension may name it. -#}
{% macro api_event_members() -%}
    {{ return({
        'api_id': ['api', 'api_id', 'apiId'],
        'api_name': ['api_name', 'apiName'],
        'api_version': ['api_version', 'apiVersion'],
        'provider_id': ['provider', 'provider_id', 'apiCreator'],
        'application_id': ['application', 'application_id', 'applicationId'],
        'application_name': ['application_name', 'applicationName'],
        'consumer_id': ['consumer', 'consumer_id', 'userName'],
        'event_type': ['event_type', 'eventType'],
        'status_text': ['status', 'proxyResponseCode'],
        'status_class': ['status_class'],
        'is_error_text': ['is_error'],
        'error_type': ['error_type', 'errorType'],
        'key_type': ['key_type', 'keyType'],
        'method': ['method', 'apiMethod'],
        'resource': ['resource', 'apiResourceTemplate'],
    }) }}
{%- endmacro %}

{#- The resources an event is usage of, one for each way it is metered: kind -> column of stg_wso2__events. -#}
{% macro api_event_ways() -%}
    {{ return({
        'api_application': 'application_id',
        'api_provider': 'provider_id',
        'api_consumer': 'consumer_id',
    }) }}
{%- endmacro %}

{#- Whether a meter reads API events: by its kind of resource and its series. -#}
{% macro reads_api_events(meters) -%}
    {{ meters }}.sample_type in ('delta', 'event')
    and {{ meters }}.resource_kind in ('{{ api_event_ways() | join("', '") }}')
    and {{ series_key(meters ~ '.series') }} in ('wso2_requests', 'wso2_bytes', 'wso2_consumers')
{%- endmacro %}
