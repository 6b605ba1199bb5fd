"""Read the ledger's tables whole and filter after: DuckLake's own filters cost more than they save.

For a filter, DuckLake (of duckdb 1.5.5) looks for files whose column statistics fit. From a SQLite
catalog DuckDB reads the statistics of all files of all tables, once a filtered column: 20 ms at
67,000 of them, and more with every day of history. The ledger is small and lies in few files: its
queries take 8 ms without, 27 to 48 ms with such a search.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import duckdb

# DuckLake (with duckdb 1.5.5) narrows a table's column statistics to the newest file where the
# first file of a write had only nulls. DuckDB believes them: filters and max() miss rows, and a
# sort alters values.
UNSAFE_OPTIMIZER = "statistics_propagation"
SOURCE = re.compile(r'(?<!distinct )\b(?:from|join)\s+("?\w+"?\.[\w".]+)', re.IGNORECASE)


def only_ledger(query: str) -> bool:
    """Return whether a query reads tables of the ledger and no others."""
    sources = SOURCE.findall(query)
    return bool(sources) and all(source.startswith("ledger.") for source in sources)


def reading(connection: duckdb.DuckDBPyConnection, query: str) -> AbstractContextManager[None]:
    """Return the block in which a query is to be read: `whole` where it asks the ledger only."""
    return whole(connection) if only_ledger(query) else nullcontext()


@contextmanager
def whole(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Keep filters out of DuckLake in this block.

    It holds for all connections of the process meanwhile; whoever reads a large table then reads
    more of it than needed, and finds the same rows. It is set beside the caller's transaction: an
    error may have ended that.
    """
    with connection.cursor() as beside:
        disable(beside, UNSAFE_OPTIMIZER, "filter_pushdown")
        try:
            yield
        finally:
            disable(beside, UNSAFE_OPTIMIZER)


def disable(connection: duckdb.DuckDBPyConnection, *optimizers: str) -> None:
    """Tell DuckDB which of its optimizers not to use."""
    connection.execute(f"set disabled_optimizers = '{','.join(optimizers)}'")
