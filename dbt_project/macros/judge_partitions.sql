{#-
At the end of a run: says of every day of the tables that were tested whether it `passed` or `failed` its error tests. A
day whose tests did not all run stays as it is; `built` by a run without tests, it does not count as done.

A failed day gets its tests with the number of failing rows (JSON in `failures`) and an alert, in one transaction with the
verdicts. Tests of severity `warn` judge nobody. A row that another version of the model has made is left alone.
-#}
{% macro judge_partitions(results) -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set verdicts = [] -%}
    {%- for node in graph.nodes.values() if node.config.incremental_strategy == 'range_overwrite' -%}
        {%- set run = tests_run(node, results) -%}
        {%- if run or is_built(node, results) -%}{%- do verdicts.append(verdict(node, run)) -%}{%- endif -%}
    {%- endfor -%}
    {%- if verdicts -%}
        begin;
        {{ read_whole(verdicts | join('\n')) }}
        commit;
    {%- endif -%}
{%- endmacro %}

{#- Whether this run has written the table; one without tests has nothing to fail. -#}
{% macro is_built(node, results) -%}
    {%- set mine = results | selectattr('node.unique_id', 'equalto', node.unique_id) | first -%}
    {{ return(mine is defined and mine.status | string == 'success') }}
{%- endmacro %}

{#- The results of this run's error tests of a table that have an outcome. -#}
{% macro tests_run(node, results) -%}
    {%- set run = [] -%}
    {%- for result in results
        if result.node.resource_type == 'test' and judges(result.node, node)
            and result.status | string in ('pass', 'warn', 'fail') -%}
        {%- do run.append(result) -%}
    {%- endfor -%}
    {{ return(run) }}
{%- endmacro %}

{#- Whether a test's failure is one of the table: it is attached to it, or a test in SQL that reads it. -#}
{% macro judges(test, node) -%}
    {%- set tables = [test.attached_node] if test.attached_node else test.depends_on.nodes -%}
    {{ return(node.unique_id in tables and test.config.severity | lower == 'error') }}
{%- endmacro %}

{#- The ids of the tests that a day needs to pass; one that reads a source as well runs by hand only. -#}
{% macro required_tests(node) -%}
    {%- set ids = [] -%}
    {%- for test in graph.nodes.values() if test.resource_type == 'test' and judges(test, node) -%}
        {%- if not test.depends_on.nodes | select('in', graph.sources) | list -%}{%- do ids.append(test.unique_id) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(ids) }}
{%- endmacro %}

{#- SQL that writes the verdicts of one table. -#}
{% macro verdict(node, run) -%}
    {%- set requested = requested_range(node) -%}
    {%- set failed = failed_days(node, run, requested) -%}
    {%- set partitions, alerts = written_ledger('partitions'), written_ledger('alerts') -%}
    {%- set mine = "table_name = '" ~ node.alias ~ "' and checksum = '" ~ lineage_checksum(node) ~ "'" -%}
    {%- set heard = run | map(attribute='node.unique_id') | list -%}
    {%- if not required_tests(node) | reject('in', heard) | list %}
        update {{ partitions }} set status = 'passed', failures = null
        where {{ mine }} and {{ within('day', requested) }}
        {%- if failed %} and day not in ('{{ failed | join("', '") }}'){% endif %};
    {%- endif -%}
    {%- for day, tests in failed.items() %}
        update {{ partitions }} set status = 'failed', failures = {{ quoted_text(tojson(tests)) }}
        where {{ mine }} and day = '{{ day }}';
        insert into {{ alerts }} (day, kind, subject, message, written_at)
        select day, 'features', table_name, {{ quoted_text(what_failed(node, day, tests)) }}, timezone('UTC', now())
        from {{ partitions }} where {{ mine }} and day = '{{ day }}' and not exists (
            select 1 from {{ alerts }}
            where day = '{{ day }}' and kind = 'features' and subject = '{{ node.alias }}'
        );
    {%- endfor -%}
{%- endmacro %}

{#- {day: {test: failing rows}} of the days that failed. -#}
{% macro failed_days(node, run, requested) -%}
    {%- set failed = {} -%}
    {%- for result in run if result.status | string == 'fail' -%}
        {%- for day, rows in failing_rows(result, node, requested).items() -%}
            {%- do failed.setdefault(day, {}).update({result.node.name: rows}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(failed) }}
{%- endmacro %}

{#-
{day: failing rows} of a failed test: its SQL is asked again for every day by itself. A test that does not read its table
through the requested range, or that no single day fails, fails them all.
-#}
{% macro failing_rows(result, node, requested) -%}
    {%- set sql, day = result.node.compiled_code, node.config.event_time -%}
    {%- set counts, queries = {}, [] -%}
    {%- for one in days_of(requested) -%}
        {%- do queries.append("select '" ~ one.start ~ "', (select " ~ result.node.config.fail_calc ~ " from ("
            ~ sql | replace(within(day, requested), within(day, one)) ~ ") as failing)") -%}
    {%- endfor -%}
    {%- if within(day, requested) in sql -%}
        {%- for row in run_query(queries | join('\nunion all\n')).rows if row[1] -%}
            {%- do counts.update({row[0]: row[1] | int}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if not counts -%}
        {%- for one in days_of(requested) -%}{%- do counts.update({one.start: result.failures}) -%}{%- endfor -%}
    {%- endif -%}
    {{ return(counts) }}
{%- endmacro %}

{#- Every day of a range (see requested_range), as a range of its own. -#}
{% macro days_of(requested) -%}
    {%- set date, days = modules.datetime.date, [] -%}
    {%- set first, stop = date.fromisoformat(requested.start), date.fromisoformat(requested.stop) -%}
    {%- for n in range((stop - first).days) -%}
        {%- set day = first + modules.datetime.timedelta(days=n) -%}
        {%- set next = day + modules.datetime.timedelta(days=1) -%}
        {%- do days.append({'start': day.isoformat(), 'stop': next.isoformat()}) -%}
    {%- endfor -%}
    {{ return(days) }}
{%- endmacro %}

{#- The words of an alert. -#}
{% macro what_failed(node, day, tests) -%}
    {%- set told = [] -%}
    {%- for test, rows in tests.items() -%}{%- do told.append(test ~ ' (' ~ rows ~ ' rows)') -%}{%- endfor -%}
    {{ return(node.alias ~ ' failed ' ~ told | join(', ') ~ ': no model learns from ' ~ day ~ ' or scores it until its SQL '
        ~ 'or rule is changed and it is built again: leeway run --from ' ~ day ~ ' --to ' ~ day) }}
{%- endmacro %}

{% macro quoted_text(text) -%}
'{{ text | replace("'", "''") }}'
{%- endmacro %}
