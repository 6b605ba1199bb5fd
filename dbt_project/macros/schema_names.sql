{#-
A model's schema is the one it declares, without the target's name before it: the lake's schemas are fixed. In the target
`dev` everything goes to that target's one schema, the analyst's own.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (target.schema if is_dev() else custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{#- Leeway's own target: in a profile of somebody else's, `dev` is what production is built with as often as not. -#}
{% macro is_dev() -%}
    {{ return(target.profile_name == 'leeway' and target.name == 'dev') }}
{%- endmacro %}

{#- A table of the ledger that a build writes to: production's, or in the target `dev` one beside the analyst's tables. -#}
{% macro written_ledger(table) -%}
    {%- set relation = source('ledger', table) -%}
    {{ return(relation.incorporate(path={'schema': target.schema}) if is_dev() else relation) }}
{%- endmacro %}

{#- Creates the analyst's schema and the ledger's tables in it; stops where that schema is one of production's. -#}
{% macro create_dev_ledger() -%}
    {%- set taken = graph.sources.values() | map(attribute='schema') | list
        + graph.nodes.values() | map(attribute='config.schema') | select | list -%}
    {%- if target.schema | lower in taken -%}
        {%- do exceptions.raise_compiler_error('the target dev writes to the schema ' ~ target.schema ~ ', which is production\'s: '
            ~ 'set LEEWAY_DEV_SCHEMA to a schema of your own') -%}
    {%- endif -%}
    {%- do run_query('create schema if not exists ' ~ adapter.quote(target.schema)) -%}
    {%- for table in ['partitions', 'alerts'] -%}
        {%- do run_query('create table if not exists ' ~ written_ledger(table) ~ ' as from ' ~ source('ledger', table) ~ ' limit 0') -%}
    {%- endfor -%}
{%- endmacro %}
