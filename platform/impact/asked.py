"""The rows that old and new SQL give, asked of one snapshot of the lake; nothing is written."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

import duckdb
import pyarrow as pa

from resources.dbt import PLACEHOLDER
from resources.lake import Lake, attach, quoted
from table_query import TableQuery, View, blaming, filled


@contextmanager
def opened(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a private connection to the lake's newest snapshot, which is read-only.

    What is made in it is temporary and goes with it.
    """
    with attach(lake.catalog, lake.data, lake.threads, lake.snapshot()) as connection:
        connection.execute("use lake")
        connection.execute("set enable_progress_bar = false")
        yield connection


@dataclass
class Asked:
    """Asks tables for single days, one after the other.

    Views that do not depend on the day are computed once, not once a day: each is a temporary
    table, which DuckDB moves to disk where memory ends, and which two states of a project share
    where its SQL is the same.
    """

    connection: duckdb.DuckDBPyConnection
    made: dict[str, str] = field(default_factory=dict)  # SQL → name of what it has become

    def rows(self, query: TableQuery, days: Sequence[date]) -> pa.Table:
        """Return the rows of days; raises SqlError."""
        daily, instead = self.prepared(query)
        return pa.concat_tables(
            [daily.rows(self.connection, day, day, instead) for day in days]
        ).combine_chunks()

    def types(self, query: TableQuery, day: date) -> dict[str, str]:
        """Return the columns that a table's SQL gives, whatever it declares; raises SqlError."""
        daily, instead = self.prepared(query)
        return daily.types(self.connection, day, instead)

    def prepared(self, query: TableQuery) -> tuple[TableQuery, Mapping[str, str]]:
        """Return the table with the views of every day only, and what is read for the others."""
        instead: dict[str, str] = {}
        lasting = [view for view in query.views if not is_daily(view, query)]
        daily = tuple(view for view in query.views if view not in lasting)
        for view in lasting:
            readers = (query.sql, *(other.sql for other in daily))
            is_read = any(view.relation in sql for sql in readers)
            sql = filled(view.sql, (date.min, date.min), instead)
            instead[view.relation] = self._made(view, sql, "table" if is_read else "view")
        return query.model_copy(update={"views": daily}), instead

    def _made(self, view: View, sql: str, kind: str) -> str:
        name = f"{kind}_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
        if sql + kind not in self.made:
            with blaming(view.file):
                self.connection.execute(f"create temp {kind} {quoted(name)} as ({sql})")
            self.made[sql + kind] = f"temp.main.{quoted(name)}"
        return self.made[sql + kind]


def is_daily(view: View, query: TableQuery) -> bool:
    """Whether a view, or one under it, depends on the requested days."""
    under = [other for other in query.views if other.relation in view.sql and other != view]
    return any(day in view.sql for day in PLACEHOLDER) or any(is_daily(o, query) for o in under)


def stored(
    connection: duckdb.DuckDBPyConnection, query: TableQuery, days: Sequence[date]
) -> pa.Table | None:
    """Return the rows of the lake, where every day is there as this SQL made it; else None."""
    made = connection.execute(
        """select count(*) from ledger.partitions
        where table_name = ? and checksum = ? and day in (select unnest(?))""",
        [query.table, query.checksum, list(days)],
    ).fetchone()
    if not made or made[0] < len(days):
        return None
    return query.stored(connection, days)
