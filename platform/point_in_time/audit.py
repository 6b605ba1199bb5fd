"""Past days of a model's tables, recomputed with only what was known on them, and compared."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from declaration import MlModel
from errors import NoEvidenceError
from point_in_time.compare import KNOWN, RECOMPUTED, STORED, compare
from point_in_time.findings import Audit, DayAudit, Finding, TableAudit
from point_in_time.known import DELIVERIES, is_timeless, known_on
from point_in_time.origins import explained
from point_in_time.sample import fit_days, sampled, telling_days
from resources.lake import Lake, quoted
from table_query import TableQuery

DAYS, EXAMPLES = 12, 3
BEFORE, AFTER = timedelta(days=1), timedelta(days=3)  # what a day is built together with
QUERIES = 60  # that may be asked for the origins of one table's differences

Tell = Callable[[str], None]


def audit(
    lake: Lake,
    compiled: Mapping[str, Any],
    model: MlModel,
    days: int,
    seed: int,
    tell: Tell = lambda _: None,
) -> Audit:
    """Audit up to `days` days of a model's features and as many of its labels.

    compiled: `resources.dbt.compiled_manifest`. tell: gets a line before each day. Everything is
    read from one snapshot of the lake. Raises NoEvidenceError where no day of the features was made
    by the present SQL and passed its tests.
    """
    tables = dict.fromkeys((model.features.table, model.label.table))
    queries = [TableQuery.of(compiled, table_id(compiled, name)) for name in tables]
    found = []
    with lake.connect(lake.snapshot()) as connection:
        for query in queries:
            fit = fit_days(lake, query)
            if not fit and query.table == model.features.table:
                raise NoEvidenceError(
                    f"no day of {query.table} was made by its present SQL and has passed its "
                    "tests: build some (`leeway run --from DAY --to DAY`), then audit them"
                )
            chosen = sampled(fit, telling_days(lake, query), days, seed)
            found.append(_table(connection, query, model.entity, chosen, len(fit), tell))
    return Audit(model=model.name, entity=model.entity, seed=seed, tables=found)


def table_id(compiled: Mapping[str, Any], name: str) -> str:
    """Return dbt's id of a model."""
    return next(
        str(unique_id)
        for unique_id, node in compiled["nodes"].items()
        if node["resource_type"] == "model" and node["name"] == name
    )


def _table(
    connection: duckdb.DuckDBPyConnection,
    query: TableQuery,
    entity: str,
    days: Sequence[date],
    fit: int,
    tell: Tell,
) -> TableAudit:
    left, done = QUERIES, []
    for day in days:
        tell(f"{query.table} {day}")
        found, left = _day(connection, query, entity, day, left)
        done.append(found)
    return TableAudit(
        table=query.table,
        checksum=query.checksum,
        fit_days=fit,
        days=done,
        untold=[read.relation for read in query.reads if is_timeless(read)],
    )


def _day(
    connection: duckdb.DuckDBPyConnection, query: TableQuery, entity: str, day: date, left: int
) -> tuple[DayAudit, int]:
    known_day = day + timedelta(days=query.horizon_days)
    known = query.rows(connection, day, day, known_on(connection, query, known_day))
    versions = {
        KNOWN: known,
        STORED: stored(connection, query, day),
        RECOMPUTED: backfilled(connection, query, day, {}),
    }
    counts, cells = compare(versions, entity, EXAMPLES)
    ingested = [read.relation for read in query.reads if read.is_ingested]

    def as_known(later: date, only: str | None) -> pa.Table:
        instead = known_on(connection, query, later)
        if only:
            changed = (only, DELIVERIES) if only in ingested else (only,)
            instead = {
                **known_on(connection, query, known_day),
                **{name: instead[name] for name in changed},
            }
        return backfilled(connection, query, day, instead)

    findings: list[Finding] = []
    if cells:
        until = last_known(connection, query, known_day)
        findings, left = explained(
            connection, query, entity, cells, (known_day, until), as_known, left
        )
    return DayAudit(
        day=day, known_on=known_day, rows=known.num_rows, counts=counts, findings=findings
    ), left


def stored(connection: duckdb.DuckDBPyConnection, query: TableQuery, day: date) -> pa.Table:
    """Return a day's rows as the lake has them."""
    columns = ", ".join(
        f"{quoted(name)}::{kind} as {quoted(name)}" for name, kind in query.columns.items()
    )
    return connection.execute(
        f"select {columns} from {query.relation} where {quoted(query.day)} = date '{day}'"
    ).to_arrow_table()


def backfilled(
    connection: duckdb.DuckDBPyConnection, query: TableQuery, day: date, instead: Mapping[str, str]
) -> pa.Table:
    """Return a day's rows as a backfill writes them: together with the days around it."""
    rows = query.rows(connection, day - BEFORE, day + AFTER, instead)
    return rows.filter(pc.equal(rows[query.day], pa.scalar(day, rows[query.day].type)))


def last_known(connection: duckdb.DuckDBPyConnection, query: TableQuery, day: date) -> date:
    """Return the last day on which anything became known that a table reads, at least `day`."""
    asked = [f"select max(known_from) from {DELIVERIES}"]
    asked += [
        f"select max({quoted(read.day)})::date + {read.lag_days} from {read.relation}"
        for read in query.reads
        if read.day and not read.is_ingested and read.relation != DELIVERIES
    ]
    found = [connection.execute(query).fetchall()[0][0] for query in asked]
    return max(day, *(each for each in found if each))
