"""What becomes of one table: old rows, new rows, what dbt would refuse, and the difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot.errors import SqlglotError

from declared import upstream
from declared_values import declared_in
from errors import SetupError, SqlError
from impact import checks
from impact.asked import Asked, stored
from impact.changes import Changes, Manifest
from impact.compare import NEW, OLD, Comparison, same_rows
from impact.report import TableImpact
from table_query import TableQuery, blaming, filled


@dataclass(frozen=True)
class Table:
    """A table before and after: its report, and its rows where there are any.

    query: of the new SQL, None where it cannot be asked.
    """

    impact: TableImpact
    old: pa.Table | None = None
    new: pa.Table | None = None
    query: TableQuery | None = None


def table_impact(
    asked: Asked,
    changes: Changes,
    ids: tuple[str, str],
    days: Sequence[date],
    keys: Sequence[str],
) -> Table:
    """Compare a table's rows of `days` (ascending).

    ids: dbt's, of the table in the old and in the new state. keys: columns that tell rows apart.
    """
    assert changes.new is not None
    before = TableQuery.of(changes.old, ids[0])
    node = changes.new["nodes"][ids[1]]
    try:
        query = TableQuery.of(changes.new, ids[1])
        if is_same(changes, ids, before, query):
            rows = _old_rows(asked, before, days)
            impact = TableImpact(
                table=query.table,
                file=query.file,
                same_sql=True,
                rows_before=rows.num_rows,
                rows_after=rows.num_rows,
            )
            return Table(impact, rows, rows, query)
        return _compared(asked, changes, before, query, days, keys, node)
    except (SqlError, SetupError) as error:
        fault = _blamed(asked, changes, ids[1], days[-1], error)
        impact = TableImpact(table=before.table, file=before.file, same_sql=False, faults=(fault,))
        return Table(impact)


def is_same(changes: Changes, ids: tuple[str, str], before: TableQuery, after: TableQuery) -> bool:
    """Whether nothing about a table can differ: SQL but for its layout, columns, data tests."""
    assert changes.new is not None
    then, now = (_said(m, i) for m, i in zip((changes.old, changes.new), ids, strict=True))
    return then == now and _normal(before) == _normal(after)


def _said(manifest: Manifest, unique_id: str) -> tuple[dict, list[str]]:
    """What a table's yml says: types and constraints of columns, and data tests."""
    columns = manifest["nodes"][unique_id]["columns"].items()
    tests = [normal(test["compiled_code"]) for test in checks.tests_of(manifest, unique_id)]
    return {name: (c["data_type"], c["constraints"]) for name, c in columns}, tests


def normal(sql: str) -> str:
    """Return SQL without comments and in one layout, or as it is where sqlglot cannot read it."""
    try:
        return sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb", comments=False)
    except SqlglotError:
        return sql


def _normal(query: TableQuery) -> dict[str, str]:
    return {query.relation: normal(query.sql), **{v.relation: normal(v.sql) for v in query.views}}


def _compared(
    asked: Asked,
    changes: Changes,
    before: TableQuery,
    query: TableQuery,
    days: Sequence[date],
    keys: Sequence[str],
    node: Mapping[str, Any],
) -> Table:
    given = asked.types(query, days[-1])
    faults = list(checks.contract(query, given, declared_in(node)))
    if gone := [key for key in keys if key not in given]:
        faults.append(f"the key column {', '.join(gone)} is gone")
        impact = TableImpact(
            table=query.table, file=query.file, same_sql=False, faults=tuple(faults)
        )
        return Table(impact)
    query = checks.as_given(query, given)
    old, new = _old_rows(asked, before, days), asked.rows(query, days)
    found = Comparison(asked.connection, old, new, keys)
    faults += [
        *_depending_on_others(asked, query, new, days[-1]),
        *checks.nulls(asked.connection, NEW, node, given),
        *_failed_tests(asked, changes, query, node["unique_id"], (days[0], days[-1])),
    ]
    impact = TableImpact(
        table=query.table,
        file=query.file,
        same_sql=False,
        rows_before=old.num_rows,
        rows_after=new.num_rows,
        gained=found.missing(NEW, OLD),
        lost=found.missing(OLD, NEW),
        repeated=found.repeated(),
        examples=found.examples(),
        columns=found.columns(),
        faults=tuple(faults),
    )
    return Table(impact, old, new, query)


def _depending_on_others(
    asked: Asked, query: TableQuery, rows: pa.Table, day: date
) -> Iterator[str]:
    """A day asked for by itself and beside the day before: a missing join key shows only then."""
    daily, instead = asked.prepared(query)
    both = daily.rows(asked.connection, day - timedelta(days=1), day, instead)
    beside, alone = (given.filter(pc.equal(given[query.day], day)) for given in (both, rows))
    if not same_rows(asked.connection, beside, alone):
        yield (
            f"{query.file} gives {beside.num_rows:,} rows of {day} beside the day before and "
            f"{alone.num_rows:,} alone, or other values: a join, window or group lacks {query.day}"
        )


def _old_rows(asked: Asked, before: TableQuery, days: Sequence[date]) -> pa.Table:
    rows = stored(asked.connection, before, days)
    return asked.rows(before, days) if rows is None else rows


def _failed_tests(
    asked: Asked, changes: Changes, query: TableQuery, unique_id: str, days: tuple[date, date]
) -> Iterator[str]:
    """Data tests on the new rows, which stand in the place of the table."""
    assert changes.new is not None
    names = {query.relation: NEW, **asked.prepared(query)[1]}
    for test in checks.tests_of(changes.new, unique_id):
        if fault := checks.failed(asked.connection, test, days, names):
            yield fault


def _blamed(
    asked: Asked, changes: Changes, unique_id: str, day: date, error: SqlError | SetupError
) -> str:
    """Say what fails, and where: a table's SQL holds that of ephemeral models above it."""
    assert changes.new is not None
    nodes = changes.new["nodes"]
    lineage = upstream(changes.new, unique_id, "model.")
    for above in reversed(lineage):
        node = nodes[above]
        if above in changes.modified and node["config"]["materialized"] == "ephemeral":
            try:
                with blaming(node["original_file_path"]):
                    sql = filled(node["compiled_code"], (day, day), {})
                    asked.connection.execute(f"describe {sql}")
            except SqlError as found:
                return str(found)
    return str(error)
