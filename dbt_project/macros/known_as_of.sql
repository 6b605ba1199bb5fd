{#-
The point-in-time rule, in one place: a row counts as of the end of day D if it was known by D, had not been replaced by
then, and had happened by the end of D. A label of day A with horizon H asks as of D = A + H.

  day          SQL expression of D
  row          alias of a relation that carries `known_from` and `known_to`
  happened_on  SQL expression of the day it happened
-#}
{% macro known_as_of(day, row, happened_on) -%}
({{ row }}.known_from <= {{ day }}
    and ({{ row }}.known_to is null or {{ row }}.known_to > {{ day }})
    and {{ happened_on }} <= {{ day }})
{%- endmacro %}
