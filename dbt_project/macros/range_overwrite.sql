{#-
Incremental strategy: the requested range of days is deleted and written again, and `ledger.partitions` gets one row for
each of its days, in the materialization's transaction. A row that vanished upstream vanishes here too, which a delete by
key would not do. The partition column is the model's `event_time`. A day is `built` now; `judge_partitions` says at the
end of the run whether it has passed its tests.
-#}
{% macro get_incremental_range_overwrite_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set written = arg_dict['temp_relation'] -%}
    {%- set partitions = written_ledger('partitions') -%}
    {%- set day = config.get('event_time') -%}
    {%- set requested = requested_range() -%}
    {%- do require_current_views(model) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}

    {#- One statement with its own begin and commit, after what dbt has begun: where another writer's commit came between, the
    profile's `retries` run all of it again. A `commit` alone could not be repeated. -#}
    {%- do adapter.commit() -%}
    {%- call statement('transaction', auto_begin=false) -%}
    begin;
    delete from {{ target }} where {{ within(day, requested) }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ written }}
    order by {{ ([day] + (arg_dict['unique_key'] or [])) | join(', ') }};

    {% set of_range = "table_name = '" ~ target.identifier ~ "' and " ~ within('day', requested) -%}
    {{ read_whole('delete from ' ~ partitions ~ ' where ' ~ of_range ~ ';') }}

    insert into {{ partitions }} (table_name, day, rows, checksum, written_at, status)
    select
        '{{ target.identifier }}', days.day, count(written.{{ day }}), '{{ lineage_checksum(model) }}',
        timezone('UTC', now()), 'built'
    from {{ each_day(requested, 'day') }} as days
    left join {{ written }} as written on days.day = written.{{ day }}
    group by days.day
    order by days.day;
    commit;
    {%- endcall -%}
    {{ return('select 1') }}
{%- endmacro %}

{#- SQL condition: the day lies in the range (see requested_range). -#}
{% macro within(day, requested) -%}
{{ day }} >= date '{{ requested.start }}' and {{ day }} < date '{{ requested.stop }}'
{%- endmacro %}

{#- SQL subquery: one row for each day of the range (see requested_range). -#}
{% macro each_day(requested, name) -%}
(
    select range::date as {{ name }}
    from range(date '{{ requested.start }}', date '{{ requested.stop }}', interval 1 day)
)
{%- endmacro %}
