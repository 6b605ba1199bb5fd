"""The lake: DuckLake behind one file. A commit is a transaction, a snapshot is a version."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
from dagster import ConfigurableResource
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from errors import LakeBusyError, LeewayError, SetupError
from resources.answers import answered, forget
from resources.room import shortage
from resources.settings import Settings
from resources.whole import UNSAFE_OPTIMIZER, disable, reading

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
SCHEMAS = ("raw", "quarantine", "staging", "features", "ml", "ledger")
EXTENSIONS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}
LOCK_SIGNS = (
    "database is locked",
    "transaction conflict",
    "could not serialize",
    "deadlock detected",
    "unique constraint",  # two processes made the same catalog, or took the same snapshot number
    '"ducklake_metadata" already exists',  # the same, one step later
    "failed to load ducklake",  # a catalog on SQLite, read half before and half after a commit
    "current transaction is aborted",  # a lock met on the way, of which only this is told
)
GONE_SIGNS = (
    "unable to connect to postgres",
    "unable to open database",
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
)
GONE = {
    "sqlite": "check that the folder of LEEWAY_LAKE_CATALOG is there and can be written to",
    "postgres": "start its server, or check LEEWAY_LAKE_CATALOG and PGPASSWORD or PGPASSFILE",
}
TRIES = 40


def quoted(*parts: str) -> str:
    """Return an SQL identifier with every part quoted, e.g. `"raw"."order_lines"`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def listed(values: Sequence[object]) -> str:
    """Return `(?, ?)`, a parameter for each value, to go after `in`; of no value nothing is in it.

    Files that hold none of a list's values are skipped. Of `(select unnest(?))` DuckLake (of duckdb
    1.5.5) knows the least and the greatest: one day a week of a year would read all its days.
    """
    return f"({', '.join('?' * len(values)) or 'null'})"


def stored_type(data_type: str) -> str:
    """Return DuckDB's own name of a declared type."""
    return str(duckdb.sqltype(data_type))


def literal(text: str) -> str:
    """Return an SQL string literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def is_lock(error: BaseException) -> bool:
    """Return whether another writer held the catalog, so that the same work may succeed later."""
    return isinstance(error, duckdb.Error) and any(s in str(error).lower() for s in LOCK_SIGNS)


def told(error: duckdb.Error, catalog: str, data: str) -> LeewayError | None:
    """Return the error that says what to do where a disk is full or the catalog is gone, or None.

    DuckDB's words may hold the connection, which carries no password (`refuse_passwords`).
    """
    kind, _, where = catalog.partition(":")
    places: list[str | Path] = [data]
    if kind == "sqlite":
        places.append(Path(where).parent)
    if full := shortage(str(error), *places):
        return full
    found = [str(error).lower().find(sign) for sign in GONE_SIGNS]
    if max(found) < 0:
        return None
    words = str(error)[max(found) :].splitlines()[0][:300]
    return SetupError(f"the lake's catalog ({kind}) cannot be reached ({words}): {GONE[kind]}")


@cache
def install_extension(name: str) -> None:
    """Install an extension from its wheel, so that nothing is downloaded."""
    from duckdb_extensions import import_extension

    import_extension(name)


def extensions_of(catalog: str) -> tuple[str, str]:
    """Return the extensions that open a catalog; raises SetupError where its kind is not known."""
    kind = catalog.split(":", 1)[0]
    if kind not in EXTENSIONS:
        raise SetupError(
            f"LEEWAY_LAKE_CATALOG is of kind {kind!r}: start it with 'sqlite:' or 'postgres:'"
        )
    return "ducklake", EXTENSIONS[kind]


def patiently(work: Callable[[], T]) -> T:
    """Return what `work` returns, trying again while other writers hold the catalog.

    Raises LakeBusyError when `TRIES` tries, which take about 40 s, met a lock.
    """
    retrying = Retrying(
        retry=retry_if_exception(is_lock),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
    )
    try:
        return retrying(work)
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise LakeBusyError(
            f"the lake's catalog was locked on {TRIES} tries ({cause}): "
            "end the other writer, or move the catalog to Postgres (LEEWAY_LAKE_CATALOG)"
        ) from cause


@lru_cache(maxsize=4)
def attached(
    catalog: str, data: str, threads: int, snapshot: int | None, memory: str, spill: str
) -> duckdb.DuckDBPyConnection:
    """Return this process's shared database with the lake attached; the first one makes it.

    Attaching costs 0.15 s, and a training reads one snapshot two dozen times.
    """
    return patiently(lambda: attach(catalog, data, threads, snapshot, memory, spill))


def attach(
    catalog: str,
    data: str,
    threads: int,
    snapshot: int | None = None,
    memory: str = "",
    spill: str = "",
) -> duckdb.DuckDBPyConnection:
    """Open a database with the lake attached as `lake`, offline.

    memory, spill: of a `Lake`.
    Raises SetupError where the catalog is of a kind that is not known.
    """
    extensions = extensions_of(catalog)
    limits = {"memory_limit": memory, "temp_directory": f"{spill}-{os.getpid()}"} if memory else {}
    connection = duckdb.connect(config={"threads": threads, **limits})
    disable(connection, UNSAFE_OPTIMIZER)
    for name in extensions:
        install_extension(name)
        connection.load_extension(name)
    options = [f"DATA_PATH {literal(data)}"]
    if catalog.startswith("sqlite:"):
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"]
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {int(snapshot)}")
    connection.execute(f"attach {literal('ducklake:' + catalog)} as lake ({', '.join(options)})")
    return connection


class Lake(ConfigurableResource):
    """Connections to the lake.

    catalog: DuckLake catalog, `sqlite:<path>` or `postgres:<libpq string>`.
    data: folder or bucket of the Parquet files, ending in a slash.
    threads: DuckDB threads of one connection.
    memory: what DuckDB may hold, e.g. `2GB`; what sorts and joins need beyond it goes to files in a
    folder of this process, named `spill` and its id. Rows that a query returns are held besides.
    """

    catalog: str
    data: str
    threads: int = 2
    memory: str = ""
    spill: str = ""

    @contextmanager
    def connect(self, snapshot: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection whose current catalog is the lake, at `snapshot` (then read-only).

        What is attached is shared (`attached`); every transaction on the newest state still sees
        what other processes have committed.
        Raises DiskFullError, and SetupError where the catalog cannot be reached.
        """
        try:
            shared = attached(
                self.catalog, self.data, self.threads, snapshot, self.memory, self.spill
            )
            with shared.cursor() as connection:
                connection.execute("use lake")
                yield connection
        except duckdb.Error as error:
            known = None if is_lock(error) else told(error, self.catalog, self.data)
            if known:
                attached.cache_clear()  # a connection that was lost does not come back
                raise known from error
            raise

    def transact(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run `work` in one transaction and commit; all of it is tried again on a locked catalog.

        Again means on a database attached anew: after a refused commit DuckLake (of duckdb 1.5.5)
        may crash where it adds a file (https://github.com/duckdb/ducklake/issues/1431).
        Raises LakeBusyError when every try met a lock, and what `connect` raises. Other errors roll
        back and pass through.
        """
        return patiently(lambda: self._once(work))

    def read(
        self, query: str, parameters: list | dict | None = None, snapshot: int | None = None
    ) -> "pa.Table":
        """Return a query's rows as Arrow; say `order by` wherever the order matters.

        In a block of `answers.steady` what is asked again is not read again.
        """

        def ask() -> "pa.Table":
            with self.connect(snapshot) as connection, reading(connection, query):
                return connection.execute(query, parameters).to_arrow_table()

        return answered((self.catalog, query, repr(parameters), snapshot), ask)

    def rows(self, query: str, parameters: list | dict | None = None) -> list[dict]:
        """Return a small query's rows as dictionaries."""
        return self.read(query, parameters).to_pylist()

    def snapshot(self) -> int:
        """Return the id of the newest snapshot."""
        with self.connect() as connection:
            found = connection.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
        return int(found[0]) if found else 0

    def _once(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        forget()
        try:
            with self.connect() as connection:
                connection.begin()
                result = work(connection)
                connection.commit()
                return result
        except duckdb.Error as error:
            if is_lock(error):
                attached.cache_clear()
            raise
        finally:
            forget()  # what `work` has asked was of the state before


def lake_of(settings: Settings) -> Lake:
    """Return the lake that the settings name."""
    return Lake(
        catalog=settings.lake_catalog,
        data=settings.lake_data,
        threads=settings.threads,
        memory=settings.memory,
        spill=str(settings.home / "spill"),
    )


def columns_of(lake: Lake) -> dict[tuple[str, str], dict[str, str]]:
    """Return names and types of the columns of every table and view, by (schema, name)."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in lake.rows(
        """select table_schema, table_name, column_name, lower(data_type) as type
        from information_schema.columns where table_catalog = 'lake' order by ordinal_position"""
    ):
        table = found.setdefault((row["table_schema"], row["table_name"]), {})
        table[row["column_name"]] = row["type"]
    return found
