{#-
Views are written only where their definition changed: every write is a snapshot of the lake, and two runs that write the
same view at once would conflict. DuckDB keeps definitions in a form of its own, so the new one takes the same way.
-#}
{% materialization view, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do run_query('create or replace temporary view new_definition as (' ~ sql ~ ')') -%}
    {%- if view_definition('temp', 'main', 'new_definition')
        == view_definition(target.database, target.schema, target.identifier) -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected=0) -%}
    {%- else -%}
        {%- call statement('main') -%}create or replace view {{ target }} as ({{ sql }}){%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{#- The query of a view as DuckDB keeps it, or an empty string where there is no such view. -#}
{% macro view_definition(database, schema, name) -%}
    {%- set rows = run_query("select regexp_extract(sql, '^.*? AS (.*)$', 1, 's') from duckdb_views() where database_name = '"
        ~ database ~ "' and schema_name = '" ~ schema ~ "' and view_name = '" ~ name ~ "'") -%}
    {{ return(rows.columns[0].values() | first or '') }}
{%- endmacro %}
