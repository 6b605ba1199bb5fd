"""Past days of a model's tables, recomputed with only what was known on them, and compared."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from declaration import MlModel
from declared import table_id
from errors import NoEvidenceError
from point_in_time.compare import KNOWN, RECOMPUTED, STORED, Cell, compare, values
from point_in_time.findings import Audit, DayAudit, Finding, TableAudit
from point_in_time.known import DELIVERIES, is_timeless, known_on
from point_in_time.origins import explained
from point_in_time.sample import fit_days, sampled, telling_days
from point_in_time.search import Asked
from resources.lake import Lake, quoted
from table_query import TableQuery

DAYS = 12
EXAMPLES = 2  # of a column, each of another day, that are explained
BEFORE, AFTER = timedelta(days=1), timedelta(days=3)  # what a day is built together with
QUERIES, QUERIES_A_DAY = 120, 60  # that may look for the origins of a table's differences

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
    queries = [TableQuery.of(compiled, table_id(compiled, model.name, name)) for name in tables]
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
            auditor, done = _Auditor(connection, query, model.entity), []
            for day in chosen:
                tell(f"{query.table} {day}")
                done.append(auditor.day(day))
            untold = [read.relation for read in query.reads if is_timeless(read)]
            found.append(
                TableAudit(
                    table=query.table,
                    checksum=query.checksum,
                    fit_days=len(fit),
                    days=done,
                    untold=untold,
                )
            )
    return Audit(model=model.name, entity=model.entity, seed=seed, tables=found)


@dataclass
class _Auditor:
    """Audits days of one table; `left` is how many queries may still look for origins."""

    connection: duckdb.DuckDBPyConnection
    query: TableQuery
    entity: str
    left: int = QUERIES
    shown: Counter[str | None] = field(default_factory=Counter)

    def day(self, day: date) -> DayAudit:
        known_day = day + timedelta(days=self.query.horizon_days)
        then = known_on(self.connection, self.query, known_day)
        known = self.query.rows(self.connection, day, day, then)
        versions = {
            KNOWN: known,
            STORED: self.query.stored(self.connection, [day]),
            RECOMPUTED: backfilled(self.connection, self.query, day, {}),
        }
        counts, cells = compare(versions, self.entity, examples=1)
        wanted = [cell for cell in cells if self.shown[cell.column] < EXAMPLES]
        self.shown.update(cell.column for cell in wanted)
        return DayAudit(
            day=day,
            known_on=known_day,
            rows=known.num_rows,
            counts=counts,
            findings=self.explained(day, known_day, wanted) if wanted else [],
        )

    def explained(self, day: date, known_day: date, cells: Sequence[Cell]) -> list[Finding]:
        def as_known(later: date, only: str | None) -> pa.Table:
            instead = self.only(only, known_day, later) if only else self.known(later)
            return backfilled(self.connection, self.query, day, instead)

        asked = Asked(
            lambda later, only: values(as_known(later, only), self.entity, cells),
            min(self.left, QUERIES_A_DAY),
        )
        before, until = asked.left, last_known(self.connection, self.query, known_day)
        span = (known_day, until)
        found = explained(self.connection, self.query, self.entity, cells, span, asked)
        self.left -= before - asked.left
        return found

    def known(self, day: date) -> Mapping[str, str]:
        return known_on(self.connection, self.query, day)

    def only(self, relation: str, day: date, later: date) -> Mapping[str, str]:
        """Return the lake as known on a day, but of one relation as known later."""
        raw = any(r.is_ingested and r.relation == relation for r in self.query.reads)
        changed = (relation, DELIVERIES) if raw else (relation,)
        more = self.known(later)
        return {**self.known(day), **{name: more[name] for name in changed}}


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
