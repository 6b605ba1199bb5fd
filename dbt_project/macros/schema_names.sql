{#- A model's schema is the one it declares, without the target's name before it: the lake's schemas are fixed. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
