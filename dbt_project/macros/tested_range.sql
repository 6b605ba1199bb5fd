{#-
Data tests read only the requested range of what is partitioned by day (a model's `event_time`, `_day` of an ingested
source), so that they cost the same after years of history.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set tested = tested_node() if execute -%}
    {%- set day = partition_column(tested) if tested -%}
    {%- set conditions = [config.get("where"), within(day, requested_range(tested)) if day] | select | list -%}
    {%- if not conditions -%}{{ return(relation) }}{%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ conditions | join(' and ') ~ ') as tested') }}
{%- endmacro %}

{#- The model or source that the current test is attached to. -#}
{% macro tested_node() -%}
    {%- set id = model.attached_node or model.depends_on.nodes | first -%}
    {{ return(graph.nodes.get(id) or graph.sources.get(id)) }}
{%- endmacro %}

{% macro partition_column(node) -%}
    {{ return('_day' if node.config.meta.get('ingest') else node.config.event_time) }}
{%- endmacro %}
