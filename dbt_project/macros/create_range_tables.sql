{#-
Creates the tables of the selected `range_overwrite` models from their contracts, empty and partitioned by day, where they
do not exist yet. So the first range is written like every other one: in one transaction, with its ledger rows. In the
target `dev` the ledger's tables that a build writes to are created beside them.
-#}
{% macro create_range_tables() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- if is_dev() -%}{%- do create_dev_ledger() -%}{%- endif -%}
    {%- for node in graph.nodes.values()
        if node.config.incremental_strategy == 'range_overwrite' and node.unique_id in selected_resources -%}
        {%- if load_cached_relation(node_relation(node)) is none -%}
            {%- do run_query(create_range_table_sql(node)) -%}
            {%- do adapter.cache_added(node_relation(node)) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro node_relation(node) -%}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias, type='table')) }}
{%- endmacro %}

{% macro create_range_table_sql(node) -%}
    begin;
    create table if not exists {{ node_relation(node) }} (
    {%- for column in node.columns.values() %}
        {{ adapter.quote(column.name) }} {{ column.data_type }}
        {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list %} not null{% endif %}
        {{- "," if not loop.last }}
    {%- endfor %}
    );
    alter table {{ node_relation(node) }} set partitioned by ({{ node.config.event_time }});
    commit;
{%- endmacro %}
