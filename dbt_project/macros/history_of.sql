{#-
As-of joins by days: a relation's rows as they were known at the end of each requested day (`as_of`), each row once for
every day that it counts on. A subquery: `with orders as {{ history_of(ref('...'), 'ordered_on', 90) }}`.

The relation carries `_day`, `known_from` and `known_to`; a row's `_day` is the day that it happened or a later one.

  relation     what is read, a ref()
  happened_on  its column with the day on which a row happened
  window_days  how many days are seen, `as_of` among them; none is longer than the variable lookback_days

Columns: as_of, age (days from `happened_on` to as_of, 0 to window_days - 1), then the relation's own.
-#}
{% macro history_of(relation, happened_on, window_days=none) -%}
(
    select
        days.as_of,
        days.as_of - spans.{{ happened_on }} as age,
        spans.* exclude (as_of_from, as_of_to)
    from {{ each_day(requested_range(), 'as_of') }} as days
    inner join {{ known_spans(relation, happened_on, window_days) }} as spans
        on days.as_of >= spans.as_of_from and days.as_of < spans.as_of_to
)
{%- endmacro %}

{#-
What a label looks at: a relation's rows of the horizon after each requested day, as they were known at the horizon's end.
The same relation and columns as `history_of`, with `after` (1 to horizon_days) in place of `age`.

  horizon_days  the model's `meta.horizon_days`, by which a day is written only once all of it has been delivered
-#}
{% macro outcome_of(relation, happened_on) -%}
{%- set requested = requested_range() -%}
{%- set horizon = horizon_days() -%}
(
    select
        days.as_of,
        known.{{ happened_on }} - days.as_of as after,
        known.*
    from {{ each_day(requested, 'as_of') }} as days
    inner join {{ relation }} as known
        on
            {{ known_as_of('days.as_of + ' ~ horizon, 'known', 'known.' ~ happened_on) }}
            and known.{{ happened_on }} > days.as_of
    where
        known._day > date '{{ requested.start }}'
        and known._day < date '{{ requested.stop }}' + {{ horizon }}
)
{%- endmacro %}

{#- Stops where a window is longer than any feature may look back: a day has to cost the same after ten years. -#}
{% macro require_window(days) -%}
    {%- if execute and days | int > var('lookback_days') | int -%}
        {%- do exceptions.raise_compiler_error(
            model.original_file_path ~ ': a window of ' ~ days ~ ' days is longer than lookback_days, '
            ~ var('lookback_days') ~ ': choose a shorter one, or raise the variable in dbt_project.yml') -%}
    {%- endif -%}
{%- endmacro %}
