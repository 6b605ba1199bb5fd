{#-
Data tests read only the requested range of what is partitioned by day (a model's `event_time`, `_day` of an ingested
source), so that they cost the same after years of history.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set tested = tested_node() if execute -%}
    {%- set day = partition_column(tested) if tested -%}
    {%- set requested = requested_range(tested) if day -%}
    {%- set conditions = [config.get("where"), within(day, requested) if day] | select | list -%}
    {%- if not conditions -%}{{ return(relation) }}{%- endif -%}
    {%- set rows = read_once(relation, day, requested) if day and flags.WHICH in ('build', 'test') else relation -%}
    {{ return('(select * from ' ~ rows ~ ' where ' ~ conditions | join(' and ') ~ ') as tested') }}
{%- endmacro %}

{#-
These rows in dbt's own memory, and in files beyond its limit, read from the lake once for all of a run's tests: every
reading searches the catalog for the files of all years.
-#}
{% macro read_once(relation, day, requested) -%}
    {%- set name = [relation.schema, relation.identifier, requested.start, requested.stop, invocation_id] | join(' ') -%}
    {%- set rows = 'memory.main."' ~ name ~ '"' -%}
    {%- set read = 'select * from ' ~ relation ~ ' where ' ~ within(day, requested) -%}
    {%- do run_query('create table if not exists ' ~ rows ~ ' as ' ~ read) -%}
    {{ return(rows) }}
{%- endmacro %}

{#- The model or source that the current test is attached to. -#}
{% macro tested_node() -%}
    {%- set id = model.attached_node or model.depends_on.nodes | first -%}
    {{ return(graph.nodes.get(id) or graph.sources.get(id)) }}
{%- endmacro %}

{% macro partition_column(node) -%}
    {{ return('_day' if node.config.meta.get('ingest') else node.config.event_time) }}
{%- endmacro %}
