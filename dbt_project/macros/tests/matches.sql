{#- Whole values match the regular expression; nulls pass. -#}
{% test matches(model, column_name, pattern) %}

select {{ column_name }}
from {{ model }}
where not regexp_full_match({{ column_name }}, '{{ pattern }}')

{% endtest %}
