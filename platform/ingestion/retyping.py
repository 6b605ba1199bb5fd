"""Give a column of the lake the type that its contract has gained, where no value can be lost."""

import re

import duckdb

from declaration import Column, RawTable
from errors import DeclarationError
from resources.lake import quoted

DIGITS = {"integer": (10, 0), "bigint": (19, 0)}  # before and after the point
WIDER = {("integer", "bigint"), ("integer", "double"), ("date", "timestamp")}
BEFORE = quoted("_before")  # no contract has a column of this name


def retype(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Widen the stored columns whose declared type has changed, inside the caller's transaction.

    Older snapshots keep the old type. Raises DeclarationError where the new type might not hold
    every stored value, e.g. integer for what is stored as varchar.
    """
    raw = quoted("raw", table.name)
    found = connection.execute(f"describe {raw}").fetchall()
    stored = {name.lower(): _plain(data_type) for name, data_type, *_ in found}
    for column in table.columns:
        old, new = stored[column.name.lower()], _plain(column.stored_type)
        if old == new:
            continue
        filled = _has_values(connection, raw, quoted(column.name))
        if filled and not is_wider(old, new):
            raise _refusal(table, column, old)
        if filled and not _must_rewrite(old, new):
            connection.execute(f"alter table {raw} alter {quoted(column.name)} set data type {new}")
        else:
            _replace(connection, raw, quoted(column.name), new, filled)


def is_wider(old: str, new: str) -> bool:
    """Return whether every value of a stored type is one of the new type, none of them rounded."""
    if new == "varchar" or (old, new) in WIDER:
        return True
    have, room = _digits(old), _digits(new)
    if not new.startswith("decimal") or not have or not room:
        return False
    return have[0] <= room[0] and have[1] <= room[1]


def _must_rewrite(old: str, new: str) -> bool:
    """Return whether DuckLake refuses to read the old files by the new type."""
    have, room = _digits(old), _digits(new)
    rescaled = old.startswith("decimal") and have and room and have[1] != room[1]
    return new == "varchar" or bool(rescaled)


def _replace(
    connection: duckdb.DuckDBPyConnection, raw: str, column: str, new: str, filled: bool
) -> None:
    connection.execute(f"alter table {raw} rename column {column} to {BEFORE}")
    connection.execute(f"alter table {raw} add column {column} {new}")
    if filled:
        connection.execute(f"update {raw} set {column} = cast({BEFORE} as {new})")
    connection.execute(f"alter table {raw} drop column {BEFORE}")


def _has_values(connection: duckdb.DuckDBPyConnection, raw: str, column: str) -> bool:
    query = f"select 1 from {raw} where {column} is not null limit 1"
    return connection.execute(query).fetchone() is not None


def _refusal(table: RawTable, column: Column, old: str) -> DeclarationError:
    key = f"{table.name}.columns.{column.name}.data_type"
    fix = (
        f"the lake holds it as {old}, whose values may not fit: declare {old}, or a column of "
        f"another name with `aliases: [{column.name}]` in its place; old rows keep the old column. "
        f"Where {old} is what is declared, another process has widened it: start this one anew"
    )
    return DeclarationError(table.file, key, column.stored_type, fix)


def _digits(data_type: str) -> tuple[int, int] | None:
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", data_type)
    if not decimal:
        return DIGITS.get(data_type)
    return int(decimal[1]) - int(decimal[2]), int(decimal[2])


def _plain(data_type: str) -> str:
    return data_type.lower().replace(" ", "")
