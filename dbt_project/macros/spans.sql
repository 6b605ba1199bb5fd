{#-
Rows that count for a span of days, `as_of_from` to before `as_of_to` (see `known_spans`): what is the same on all days of a
span is computed once, not once a day.
-#}

{#-
Each row once for every day of its span, as `as_of`. A subquery, with the other columns.

  rows  a relation, a CTE or a subquery with spans
-#}
{% macro on_each_day(rows) -%}
(
    select
        days.as_of,
        spans.* exclude (as_of_from, as_of_to)
    from {{ each_day(requested_range(), 'as_of') }} as days
    inner join {{ rows }} as spans on days.as_of >= spans.as_of_from and days.as_of < spans.as_of_to
)
{%- endmacro %}

{#-
Rows cut wherever a row of the same key begins or ends: of two of a key the spans are then the same or have no day in
common, so what is grouped by key and span is right on each of its days. A subquery, with the same columns.

  rows  name of a CTE with spans
  keys  names of its columns
-#}
{% macro aligned_spans(rows, keys) -%}
{%- if days_of(requested_range()) | length == 1 -%}{{ return('(select * from ' ~ rows ~ ')') }}{%- endif -%}
{%- set key = keys | join(', ') -%}
(
    select
        cuts.as_of_from,
        cuts.as_of_to,
        spans.* exclude (as_of_from, as_of_to)
    from (
        select
            {{ key }},
            cut as as_of_from,
            lead(cut) over (partition by {{ key }} order by cut) as as_of_to
        from (select distinct {{ key }}, unnest([as_of_from, as_of_to]) as cut from {{ rows }})
    ) as cuts
    inner join {{ rows }} as spans
        on
            {% for name in keys %}cuts.{{ name }} is not distinct from spans.{{ name }} and {% endfor -%}
            spans.as_of_from <= cuts.as_of_from and spans.as_of_to >= cuts.as_of_to
)
{%- endmacro %}
