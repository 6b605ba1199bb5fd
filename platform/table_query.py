"""A table by day as a query: what dbt compiles, asked for any days, and nothing is written.

dbt builds tables; this asks what their SQL says, for other days, on other rows, or by an older
version of the SQL, next to the tables that models read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from declared import lineage_checksum
from errors import SetupError, SqlError
from resources.dbt import PLACEHOLDER
from resources.lake import quoted

# What is left of the placeholder's days where a model has computed with them in Jinja.
COMPUTED = re.compile(r"'(?:0999|1000)-\d\d-\d\d")


# What DuckDB raises for SQL that is wrong, or does not fit the rows.
WRONG = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)


class View(BaseModel):
    """A view that a table is built on: its name as SQL writes it, its query, and its file."""

    model_config = ConfigDict(frozen=True)

    relation: str
    sql: str
    file: str = ""


class Read(BaseModel):
    """Stored rows that a table's SQL reads: a source, a seed, or a table by day.

    relation: as SQL writes it. name: as the ledger calls it. is_ingested: whether its rows came by
    deliveries. day: column that says of which day a row is, if one is declared. lag_days: a row of
    day D is there from D + lag_days on.
    """

    model_config = ConfigDict(frozen=True)

    relation: str
    name: str
    is_ingested: bool = False
    day: str | None = None
    lag_days: int = 0


class TableQuery(BaseModel):
    """The SQL of a table and of the views under it, for the days of PLACEHOLDER.

    table: its name, relation: as SQL writes it, file: where its SQL stands. checksum: as in
    `ledger.partitions`. views: those that others read come first. reads: the stored rows under it;
    a table by day is read as it is stored, so what that one reads is not among them. columns: name
    → declared type.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    relation: str
    file: str
    checksum: str
    day: str
    horizon_days: int
    columns: Mapping[str, str]
    views: tuple[View, ...]
    reads: tuple[Read, ...]
    sql: str

    @classmethod
    def of(cls, compiled: Mapping[str, Any], unique_id: str) -> "TableQuery":
        """Read from a compiled manifest (`resources.dbt.compiled_manifest`).

        Raises SetupError where the SQL was compiled for days that cannot be replaced.
        """
        node, nodes = compiled["nodes"][unique_id], compiled["nodes"]
        below = _ordered(compiled, unique_id)
        views = [nodes[i] for i in below if _is_view(nodes.get(i))]
        for made in (node, *views):
            _require_replaceable(made)
        return cls(
            table=node["name"],
            relation=node["relation_name"],
            file=node["original_file_path"],
            checksum=lineage_checksum(compiled, unique_id),
            day=node["config"]["event_time"],
            horizon_days=node["config"]["meta"].get("horizon_days", 0),
            columns={name: column["data_type"] for name, column in node["columns"].items()},
            views=tuple(_view(view) for view in views),
            reads=(*_reads(compiled, below), *_own(node)),
            sql=node["compiled_code"],
        )

    def rows(
        self,
        connection: duckdb.DuckDBPyConnection,
        first: date,
        last: date,
        instead: Mapping[str, str] | None = None,
    ) -> pa.Table:
        """Return the rows of the days, both inclusive, in the declared columns' order and types.

        A day whose horizon has not been delivered yet has rows too: ask for matured days only.
        connection: of the lake; it gets temporary views, the lake stays as it is.
        instead: relations, as SQL writes them, that are read in place of others of the lake.
        Raises SqlError with the file whose SQL is wrong.
        """
        query = self.prepared(connection, first, last, instead)
        with blaming(self.file):
            answer = connection.execute(f"select {self._declared} from ({query}) order by all")
            return answer.to_arrow_table()

    def stored(self, connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pa.Table:
        """Return the rows of days as the lake has them, like `rows`, whatever SQL has made them."""
        answer = connection.execute(
            f"""select {self._declared} from {self.relation}
            where {quoted(self.day)} in (select unnest(?)) order by all""",
            [list(days)],
        )
        return answer.to_arrow_table()

    @property
    def _declared(self) -> str:
        """The columns in declared order and types, as SQL selects them."""
        return ", ".join(
            f"{quoted(name)}::{kind} as {quoted(name)}" for name, kind in self.columns.items()
        )

    def types(
        self,
        connection: duckdb.DuckDBPyConnection,
        day: date,
        instead: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the columns that the SQL gives, whatever is declared: name → DuckDB's type.

        Nothing is computed. Raises SqlError with the file whose SQL is wrong.
        """
        query = self.prepared(connection, day, day, instead)
        with blaming(self.file):
            described = connection.execute(f"describe {query}").fetchall()
        return {name: kind for name, kind, *_ in described}

    def prepared(
        self,
        connection: duckdb.DuckDBPyConnection,
        first: date,
        last: date,
        instead: Mapping[str, str] | None = None,
    ) -> str:
        """Make the views of days, both inclusive, and return the table's query, as `rows` asks it.

        Raises SqlError with the file whose SQL is wrong.
        """
        days = (first, last + timedelta(days=1))
        names = dict(instead or {})
        for view in self.views:
            own = f"temp.main.{quoted(re.sub('[^A-Za-z0-9]+', '_', view.relation))}"
            query = filled(view.sql, days, names)
            with blaming(view.file):
                connection.execute(f"create or replace temp view {own} as ({query})")
            names.setdefault(view.relation, own)
        return filled(self.sql, days, names)


@contextmanager
def blaming(file: str) -> Iterator[None]:
    """Turn what DuckDB says of wrong SQL into SqlError with the file that it stands in."""
    try:
        yield
    except WRONG as error:
        raise SqlError(file, str(error)) from error


def _view(node: Mapping[str, Any]) -> View:
    file = node["original_file_path"]
    return View(relation=node["relation_name"], sql=node["compiled_code"], file=file)


def _ordered(compiled: Mapping[str, Any], unique_id: str) -> list[str]:
    """Ids upstream of one, those that others read first, down to what is stored.

    Ephemeral models are among them; nothing below a table by day is.
    """
    found: list[str] = []

    def visit(unique_id: str) -> None:
        # dbt writes them in another order from one process to the next
        for parent in sorted(compiled["nodes"][unique_id]["depends_on"]["nodes"]):
            if parent not in found:
                if not _is_stored(compiled, parent):
                    visit(parent)
                found.append(parent)

    visit(unique_id)
    return found


def _is_stored(compiled: Mapping[str, Any], unique_id: str) -> bool:
    node = compiled["nodes"].get(unique_id)
    return node is None or node["resource_type"] != "model" or _is_by_day(node)


def _is_by_day(node: Mapping[str, Any]) -> bool:
    return bool(node["config"]["materialized"] == "incremental" and node["config"]["event_time"])


def _is_view(node: Mapping[str, Any] | None) -> bool:
    """Whether SQL names a model that is not read as it is stored."""
    if node is None or node["resource_type"] != "model":
        return False
    return bool(node["relation_name"]) and not _is_by_day(node)


def _reads(compiled: Mapping[str, Any], below: list[str]) -> Iterator[Read]:
    for unique_id in below:
        if not _is_stored(compiled, unique_id):
            continue
        if node := compiled["nodes"].get(unique_id):
            yield _table(node, node["config"]["meta"].get("horizon_days", 0))
        else:
            yield _source(compiled["sources"][unique_id])


def _own(node: Mapping[str, Any]) -> Iterator[Read]:
    """The table itself where its SQL names it (`this`): it may read earlier days."""
    if node["relation_name"] in node["compiled_code"]:
        yield _table(node, max(1, node["config"]["meta"].get("horizon_days", 0)))


def _table(node: Mapping[str, Any], lag_days: int) -> Read:
    day = node["config"].get("event_time")
    named = {"relation": node["relation_name"], "name": node["name"]}
    return Read(**named, day=day, lag_days=lag_days)


def _source(source: Mapping[str, Any]) -> Read:
    config = source.get("config") or {}
    ingest = (config.get("meta") or {}).get("ingest")
    day = ingest.get("event_time") if ingest else config.get("event_time")
    named = {"relation": source["relation_name"], "name": source["name"]}
    return Read(**named, is_ingested=bool(ingest), day=day)


def filled(sql: str, days: tuple[date, date], names: Mapping[str, str]) -> str:
    """Return SQL that dbt compiled for other days (the first, and the one after the last).

    dbt writes days and relations in one way, whatever the model's author wrote.
    names: relation → what is read instead.
    """
    for placeholder, day in zip(PLACEHOLDER, days, strict=True):
        sql = sql.replace(placeholder, str(day))
    for relation, name in names.items():
        sql = sql.replace(relation, name)
    return sql


def _require_replaceable(node: Mapping[str, Any]) -> None:
    rest = node["compiled_code"]
    for day in PLACEHOLDER:
        rest = rest.replace(day, "")
    if computed := COMPUTED.search(rest):
        raise SetupError(
            f"{node['original_file_path']} computes {computed.group()[1:]} in Jinja from the "
            "requested range: compute with its days in SQL (date '{{ requested.start }}' - 30)"
        )
