{#- A float as it is stored: the last bits of a float depend on the order of summation, so they are not kept. -#}
{% macro rounded(expression, digits=6) -%}
round(({{ expression }})::double, {{ digits }})
{%- endmacro %}
