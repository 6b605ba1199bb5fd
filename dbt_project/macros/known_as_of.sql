{#-
The point-in-time rule, in one file: a row counts as of the end of day D if it was known by D, had not been replaced by
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

{#-
The same rule for many days at once: a relation's rows, each once, with the requested days on which it counts and lies in a
window, `as_of_from` to before `as_of_to`. A subquery, with the relation's own columns; see `history_of` for the arguments.
-#}
{% macro known_spans(relation, happened_on, window_days=none) -%}
{%- set requested = requested_range() -%}
{%- set window = window_days or var('lookback_days') -%}
{%- do require_window(window) -%}
(
    select
        case
            when known_from is not null and {{ happened_on }} is not null
                then greatest(known_from, {{ happened_on }}, date '{{ requested.start }}')
        end as as_of_from,
        least(known_to, {{ happened_on }} + {{ window }}, date '{{ requested.stop }}') as as_of_to,
        *
    from {{ relation }}
    where
        _day > date '{{ requested.start }}' - {{ window }}
        and _day < date '{{ requested.stop }}'
        and as_of_from < as_of_to
)
{%- endmacro %}
