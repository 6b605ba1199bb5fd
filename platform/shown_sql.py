"""A query's result: a table for people, CSV or JSON for programs."""

import csv
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import IO, Any

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shown import add_row

CHUNK = 10_000  # rows that are in memory at once
NARROWEST = 4  # characters of a cell's padding and border


def show_rows(out: Console, result: duckdb.DuckDBPyConnection, limit: int) -> None:
    """Print at most `limit` rows; where their columns do not fit, one below the other."""
    names, rows = _names(result), result.fetchmany(limit + 1)
    shown = [["" if value is None else str(value) for value in row] for row in rows[:limit]]
    widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
    fits = sum(widths) + NARROWEST * len(names) <= out.width
    out.print(_table(names, shown) if fits else _below(names, shown))
    more = (
        f"the first {limit} rows; --limit, --csv and --json tell more" if len(rows) > limit else ""
    )
    out.print(more or f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


def write_csv(file: IO[str], result: duckdb.DuckDBPyConnection, limit: int | None) -> None:
    """Write rows with a header; null is an empty field."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_names(result))
    left = limit
    while rows := result.fetchmany(CHUNK if left is None else min(CHUNK, left)):
        writer.writerows(rows)
        left = None if left is None else left - len(rows)


def as_json(result: duckdb.DuckDBPyConnection, limit: int | None) -> str:
    """Return rows as a JSON list of objects; what JSON does not know is text, no number is null."""
    names = _names(result)
    rows = result.fetchall() if limit is None else result.fetchmany(limit)
    found = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
    return json.dumps(found, default=str)


def _names(result: duckdb.DuckDBPyConnection) -> list[str]:
    return [column[0] for column in result.description or ()]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for name in names:
        table.add_column(Text(name))
    for row in rows:
        add_row(table, *row)
    return table


def _below(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table("column", "value")
    for row in rows:
        for name, value in zip(names, row, strict=True):
            add_row(table, name, value)
        table.add_section()
    return table
