"""SQL of an analyst's own on the lake, which is opened for reading only.

What is executed here is what any DuckDB executes to open the lake: `statements`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from errors import QueryError, SetupError
from resources.lake import extensions_of, install_extension, literal, patiently, told
from resources.settings import Settings
from resources.whole import UNSAFE_OPTIMIZER

SEARCHED = (
    "features",
    "ml",
    "staging",
    "raw",
    "ledger",
    "quarantine",
)  # where a bare name is found
READ_ONLY = "read-only mode"
NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
TABLES = """
select
    table_schema as "schema", table_name as "table", lower(table_type) as kind, count(*) as columns
from information_schema.tables
inner join information_schema.columns using (table_catalog, table_schema, table_name)
where table_catalog = 'lake' group by all order by all"""
WRITES = (
    "this lake is open for reading only: rows come by deliveries, features by dbt models. "
    "`create temp table` keeps a result until the command ends, `copy (...) to 'file.parquet'` "
    "writes one out"
)


def statements(settings: Settings) -> list[str]:
    """Return the SQL that opens the lake for reading, in any DuckDB of the same version.

    A Postgres catalog's password is libpq's to know (PGPASSWORD, PGPASSFILE); it is not in here.
    """
    options = ["read_only", f"data_path {literal(settings.lake_data)}", "override_data_path true"]
    if settings.lake_catalog.startswith("sqlite:"):
        options.append("meta_busy_timeout 30000")
    return [
        *(f"install {name}; load {name};" for name in extensions_of(settings.lake_catalog)),
        f"set disabled_optimizers = {literal(UNSAFE_OPTIMIZER)};",
        f"attach {literal('ducklake:' + settings.lake_catalog)} as lake ({', '.join(options)});",
        "use lake;",
        f"set search_path = {literal(','.join(f'lake.{schema}' for schema in SEARCHED))};",
    ]


@contextmanager
def reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection on which the lake can be read and not written.

    Raises SetupError where there is no lake, QueryError for what is asked and cannot be.
    """
    kind, _, place = settings.lake_catalog.partition(":")
    for name in extensions_of(settings.lake_catalog):
        install_extension(name)
    if kind == "sqlite" and not Path(place).exists():
        raise SetupError(
            f"there is no lake yet: no {place}. `leeway run` makes it; LEEWAY_HOME says where"
        )
    with duckdb.connect(config={"threads": settings.threads}) as connection:
        try:
            patiently(lambda: _open(connection, settings))
        except duckdb.Error as error:
            raise told(error, settings.lake_catalog, settings.lake_data) or error from None
        try:
            yield connection
        except duckdb.Error as error:
            raise QueryError(explained(error, connection)) from error


def _open(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute("detach database if exists lake")
    for statement in statements(settings):
        connection.execute(statement)


def explained(error: duckdb.Error, connection: duckdb.DuckDBPyConnection) -> str:
    """Return DuckDB's words and what to do about them."""
    words = str(error)
    if READ_ONLY in words:
        return f"{words}\n{WRITES}"
    if missing := NO_TABLE.search(words):
        names = {f"{row['schema']}.{row['table']}": row["table"] for row in _tables(connection)}
        close = get_close_matches(missing[1].rpartition(".")[2], names.values(), n=3)
        found = [name for name, table in names.items() if table in close]
        hint = f"close: {', '.join(found)}; " if found else ""
        return f"{words}\n{hint}`leeway sql` alone lists every table"
    return words


def _tables(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return connection.execute(TABLES).to_arrow_table().to_pylist()
