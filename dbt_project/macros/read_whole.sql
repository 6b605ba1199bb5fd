{#-
Statements about the ledger, which is small: its tables are read whole, since for a filter DuckLake would search the
statistics of all files of all tables (see platform/resources/whole.py). All connections of the run read
so meanwhile; afterwards it is what Leeway's profile sets.
-#}
{% macro read_whole(statements) -%}
set disabled_optimizers = 'statistics_propagation,filter_pushdown';
    {{ statements }}
    set disabled_optimizers = 'statistics_propagation';
{%- endmacro %}

{#-
The same for a query: a subquery of a table of the ledger, into which DuckDB pushes no filter because of its `offset`.
-#}
{% macro whole_of(relation) -%}
(select * from {{ relation }} offset 0)
{%- endmacro %}
