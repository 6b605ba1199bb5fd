{#-
Gives what DuckDB writes beyond its memory limit a folder of this process's own: two that spill into one would overwrite
each other's files. It is set here, not in the profile, since dbt parses the whole project again wherever a profile's
connection differs from the one before.
-#}
{% macro spill_alone() -%}
    {%- if execute -%}
        {%- set folder = env_var('LEEWAY_HOME', '../var') ~ '/spill' ~ env_var('LEEWAY_PROCESS', '') -%}
        {%- do run_query("set temp_directory = '" ~ escape_single_quotes(folder) ~ "'") -%}
    {%- endif -%}
{%- endmacro %}
