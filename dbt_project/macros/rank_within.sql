{#- Where a value stands among the rows of its partition, 0 (lowest) to 1. -#}
{% macro rank_within(partition, expression) -%}
{{ rounded('percent_rank() over (partition by ' ~ partition ~ ' order by ' ~ expression ~ ')') }}
{%- endmacro %}
