{#-
The days a run is asked for: {start, stop}, two ISO dates, `stop` exclusive.

They come from dbt's own flags `--event-time-start` and `--event-time-end`, which, unlike vars, leave the parsed project
valid; where a command has no such flags (`dbt compile`), from LEEWAY_EVENT_TIME_START and LEEWAY_EVENT_TIME_END. Without
either it is the last delivered day. Days whose horizon has not been delivered yet are cut off at the end: nothing can be
known about them.

  node  whose horizon counts; the model that is being built where it is left out
-#}
{% macro requested_range(node=none) -%}
    {%- set unknown = {'start': '0001-01-01', 'stop': '0001-01-01'} -%}
    {%- if not execute -%}{{ return(unknown) }}{%- endif -%}
    {%- set last_day = last_delivered_day() -%}
    {%- if last_day is none -%}{{ return(unknown) }}{%- endif -%}
    {%- set one_day = modules.datetime.timedelta(days=1) -%}
    {%- set start = flag_day('event_time_start') or last_day -%}
    {%- set stop = flag_day('event_time_end') or last_day + one_day -%}
    {%- set horizon = modules.datetime.timedelta(days=horizon_days(node) | int) -%}
    {%- set stop = [stop, last_day + one_day - horizon] | min -%}
    {{ return({'start': start.isoformat(), 'stop': ([start, stop] | max).isoformat()}) }}
{%- endmacro %}

{#- The date in one of dbt's event-time flags, or in its variable of the environment, or none where neither is given. -#}
{% macro flag_day(name) -%}
    {%- set value = invocation_args_dict.get(name) or env_var('LEEWAY_' ~ name | upper, '') -%}
    {%- if not value -%}{{ return(none) }}{%- endif -%}
    {{ return(modules.datetime.date.fromisoformat((value | string)[:10])) }}
{%- endmacro %}

{#- The newest day that any source table was delivered for, or none in an empty lake. -#}
{% macro last_delivered_day() -%}
    {%- set rows = run_query('select max(day) from ' ~ source('ledger', 'deliveries')) -%}
    {{ return(rows.columns[0].values()[0]) }}
{%- endmacro %}

{#- Days after a row's day that must have passed before it can be written: the model's `meta.horizon_days`, default 0. -#}
{% macro horizon_days(node=none) -%}
{{ (node or model).config.meta.get('horizon_days', 0) }}
{%- endmacro %}
