{#-
The point-in-time rule, in one place: a row counts as of the end of day D if it was known by D, had not been replaced by
then, and had happened by the end of D.

  day          SQL expression of D
  row          alias of a relation that carries `known_from` and `known_to`
  happened_on  SQL expression of the day it happened
  known_by     SQL expression of the day the knowledge is from; D itself unless a label looks back from D + horizon
-#}
{% macro known_as_of(day, row, happened_on, known_by=none) -%}
{%- set known_by = known_by or day -%}
({{ row }}.known_from <= {{ known_by }}
    and ({{ row }}.known_to is null or {{ row }}.known_to > {{ known_by }})
    and {{ happened_on }} <= {{ known_by }})
{%- endmacro %}
