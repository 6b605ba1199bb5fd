"""Three versions of one day's rows, compared cell by cell: known then, stored, recomputed now."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
from pydantic import BaseModel, Field

from resources.lake import quoted

KNOWN, STORED, RECOMPUTED = "known", "stored", "recomputed"
PRESENT, ABSENT = "a row", "no row"


class Counts(BaseModel):
    """Rows of a day whose value is not the one that was known; column: null for the row itself."""

    column: str | None = Field(description="null: the row is in one and not in the other")
    stored: int = Field(description="rows whose stored value is another than the known one")
    recomputed: int = Field(description="rows whose value, recomputed now, is another")


class Cell(BaseModel):
    """One entity's value in the three versions."""

    column: str | None = Field(description="null: the row itself")
    entity: str
    known: str | None = Field(description="as known then; null is null, ABSENT no row")
    stored: str | None = Field(description="as the table has it")
    recomputed: str | None = Field(description="as a backfill would write it now")


def compare(
    versions: Mapping[str, pa.Table], entity: str, examples: int
) -> tuple[list[Counts], list[Cell]]:
    """Return what differs, by column, and up to `examples` cells of each, by entity.

    versions: tables of one day by KNOWN, STORED, RECOMPUTED, with the same columns and one row for
    each entity. Nulls are equal to each other. A row that one version lacks counts once, as a row.
    """
    columns = [name for name in versions[KNOWN].column_names if name != entity]
    with duckdb.connect() as connection:
        for name, table in versions.items():
            connection.register(name, table)
        connection.execute(f"create temp table joined as {_joined(columns, entity)}")
        counts = _counts(connection, columns)
        found = [cell for each in counts for cell in _cells(connection, each, columns, examples)]
    return counts, found


def _joined(columns: Sequence[str], entity: str) -> str:
    """One row for each entity: `k3`, `s3`, `r3` are column 3 in the three versions."""
    key = quoted(entity)
    sides = [
        f"(select {key} as entity, true as {side}_in"
        + "".join(f", {quoted(name)} as {side}{n}" for n, name in enumerate(columns))
        + f" from {version}) as {version}"
        for side, version in zip("ksr", (KNOWN, STORED, RECOMPUTED), strict=True)
    ]
    return f"select * from {sides[0]} full join {sides[1]} using (entity) full join {sides[2]} " + (
        "using (entity)"
    )


def _counts(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[Counts]:
    asked: list[str | None] = [None, *columns]
    wanted = [
        f"count(*) filter (where {_differs(side, n)})"
        for n in (None, *range(len(columns)))
        for side in "sr"
    ]
    row = connection.execute(f"select {', '.join(wanted)} from joined").fetchall()[0]
    counted = [
        Counts(column=name, stored=row[2 * n], recomputed=row[2 * n + 1])
        for n, name in enumerate(asked)
    ]
    return [each for each in counted if each.stored or each.recomputed]


def _differs(side: str, n: int | None) -> str:
    if n is None:
        return f"({side}_in is distinct from k_in)"
    return f"({side}_in and k_in and {side}{n} is distinct from k{n})"


def _cells(
    connection: duckdb.DuckDBPyConnection, counts: Counts, columns: Sequence[str], most: int
) -> list[Cell]:
    n = None if counts.column is None else columns.index(counts.column)
    told = ", ".join(_value(side, n) for side in "ksr")
    found = connection.execute(
        f"select entity::varchar, {told} from joined "
        f"where {_differs('s', n)} or {_differs('r', n)} order by entity limit {int(most)}"
    ).fetchall()
    names = ("entity", KNOWN, STORED, RECOMPUTED)
    return [Cell(column=counts.column, **dict(zip(names, row, strict=True))) for row in found]


def values(table: pa.Table, entity: str, cells: Sequence[Cell]) -> list[str | None]:
    """Return what a version's table says of each cell, in the words of a `Cell`."""
    named = sorted({cell.column for cell in cells if cell.column})
    with duckdb.connect() as connection:
        connection.register("version", table)
        wanted = "".join(f", {quoted(name)}::varchar" for name in named)
        rows = connection.execute(
            f"select {quoted(entity)}::varchar{wanted} from version "
            f"where {quoted(entity)}::varchar in (select unnest(?::varchar[]))",
            [[cell.entity for cell in cells]],
        ).fetchall()
    found = {row[0]: {None: PRESENT, **dict(zip(named, row[1:], strict=True))} for row in rows}
    return [found.get(cell.entity, {}).get(cell.column, ABSENT) for cell in cells]


def _value(side: str, n: int | None) -> str:
    if n is None:
        return f"if({side}_in, '{PRESENT}', '{ABSENT}')"
    return f"if({side}_in, {side}{n}::varchar, '{ABSENT}')"
