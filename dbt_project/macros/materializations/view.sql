{#-
Views are written only where their definition changed: every write is a snapshot of the lake, and two runs that write the
same view at once would conflict. DuckDB keeps definitions in a form of its own, so the new one takes the same way.

A view's comment is the checksum of the file that made it; tables are built on views of this project only.
-#}
{% materialization view, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do run_query('create or replace temporary view new_definition as (' ~ sql ~ ')') -%}
    {%- set new, old = stored_view('temp', 'main', 'new_definition'), stored_view(database, schema, target.identifier) -%}
    {%- if new.definition == old.definition -%}
        {%- if old.comment != model.checksum.checksum -%}{%- do run_query(comment_on_view(target)) -%}{%- endif -%}
        {%- do store_raw_result('main', message='UNCHANGED', code='UNCHANGED', rows_affected=0) -%}
    {%- else -%}
        {%- call statement('main') -%}
            create or replace view {{ target }} as ({{ sql }});
            {{ comment_on_view(target) }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{% macro comment_on_view(target) -%}
comment on view {{ target }} is '{{ model.checksum.checksum }}'
{%- endmacro %}

{#- A view as DuckDB keeps it: {definition, comment}, the query and its comment, empty where there is no such view. -#}
{% macro stored_view(database, schema, name) -%}
    {%- set rows = run_query("select regexp_extract(sql, '^.*? AS (.*)$', 1, 's'), coalesce(comment, '') from duckdb_views()"
        ~ " where database_name = '" ~ database ~ "' and schema_name = '" ~ schema ~ "' and view_name = '" ~ name ~ "'") -%}
    {%- set found = rows.rows | first or ['', ''] -%}
    {{ return({'definition': found[0], 'comment': found[1]}) }}
{%- endmacro %}

{#-
Stops where a view upstream of a table is not the one of this project: the table's checksum would name code that did not
make it.
-#}
{% macro require_current_views(node) -%}
    {%- for id in lineage(node) if graph.nodes[id].config.materialized == 'view' -%}
        {%- set view = graph.nodes[id] -%}
        {%- if stored_view(view.database, view.schema, view.alias).comment != view.checksum.checksum -%}
            {%- do exceptions.raise_compiler_error(
                'the view ' ~ view.schema ~ '.' ~ view.alias ~ ' in the lake was not made by this project\'s '
                ~ view.original_file_path ~ ': build the views first (the job `views`, or `dbt run --select +' ~ node.name
                ~ '`), then the table') -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
