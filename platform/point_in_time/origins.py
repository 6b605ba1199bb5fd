"""Which deliveries make a value: the day is asked for again as it was known later and later."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import duckdb

from point_in_time.compare import Cell
from point_in_time.findings import Finding, Origin
from point_in_time.known import DELIVERIES
from point_in_time.search import Asked, Search, narrow
from resources.lake import literal, quoted
from table_query import Read, TableQuery

MOST_ORIGINS = 5  # that a finding names


def explained(
    connection: duckdb.DuckDBPyConnection,
    query: TableQuery,
    entity: str,
    cells: Sequence[Cell],
    days: tuple[date, date],
    asked: Asked,
) -> list[Finding]:
    """Return each cell with what makes it differ, or as much as `asked` answers.

    days: the one the cells were known on, and the last on which anything became known. asked: the
    cells' values as a backfill would write them with what was known at the end of a later day.
    """
    known_on, last = days
    found = {id(cell): Finding(**cell.model_dump(), why="stored") for cell in cells}
    searches: list[tuple[Search, Search | None]] = []
    for n, cell in enumerate(cells):
        if cell.recomputed == cell.known:
            continue
        if asked.on(known_on)[n] != cell.known:
            found[id(cell)] = Finding(**cell.model_dump(), why="range")
        elif asked.on(last)[n] == cell.known:
            found[id(cell)] = Finding(**cell.model_dump(), why="untold")
        else:
            searches.append(_searches(n, cell, known_on, last, asked))
    narrow([moves for moves, _ in searches], asked)
    narrow([makes for _, makes in searches if makes], asked)
    for moves, makes in searches:
        cell = cells[moves.cell]
        found[id(cell)] = _told(connection, query, entity, cell, (moves, makes), asked)
    return [found[id(cell)] for cell in cells]


def _searches(
    n: int, cell: Cell, first: date, last: date, asked: Asked
) -> tuple[Search, Search | None]:
    """Search where the value moves, and where the found one is made, if what is known makes it."""
    moves = Search(n, lambda value: value != cell.known, first, last)
    if asked.on(last)[n] != cell.recomputed:
        return moves, None
    return moves, Search(n, lambda value: value == cell.recomputed, first, last)


def _told(
    connection: duckdb.DuckDBPyConnection,
    query: TableQuery,
    entity: str,
    cell: Cell,
    searches: tuple[Search, Search | None],
    asked: Asked,
) -> Finding:
    moves, makes = searches
    until = max(moves.after, makes.after) if makes else moves.after
    found = origins_between(connection, query, entity, cell.entity, (moves.before, until))
    if len(found) > 1 and asked.left >= len(found):
        found = _moving(found, moves.cell, cell, until, asked)
    origins = sorted(
        (origin for each in found.values() for origin in each),
        key=lambda origin: (origin.known_from, origin.table, origin.day),
    )
    return Finding(
        **cell.model_dump(),
        why="later",
        known_until=moves.before,
        moved_on=moves.after,
        made_on=makes.after if makes else None,
        origins=origins[:MOST_ORIGINS],
        more_origins=len(origins[MOST_ORIGINS:]),
    )


def _moving(
    found: dict[str, list[Origin]], n: int, cell: Cell, until: date, asked: Asked
) -> dict[str, list[Origin]]:
    """Keep the relations whose later rows alone move the value; all where none does alone."""
    alone = {name: each for name, each in found.items() if asked.on(until, name)[n] != cell.known}
    return alone or found


def origins_between(
    connection: duckdb.DuckDBPyConnection,
    query: TableQuery,
    column: str,
    entity: str,
    days: tuple[date, date],
) -> dict[str, list[Origin]]:
    """Return what became known after the first of `days` up to the second, by relation.

    Of a relation that has the entity's column only days on which a delivery, this one or one that
    it replaces, has rows of the entity.
    """
    found = {}
    for read in query.reads:
        its_rows = None
        if column in columns(connection, read.relation):
            its_rows = f"{quoted(column)}::varchar = {literal(entity)}"
        if read.is_ingested:
            found[read.relation] = _deliveries(connection, read, its_rows, days)
        elif read.day and read.relation != DELIVERIES:
            found[read.relation] = _days(connection, read, its_rows, days)
    return {relation: origins for relation, origins in found.items() if origins}


def _deliveries(
    connection: duckdb.DuckDBPyConnection,
    read: Read,
    its_rows: str | None,
    days: tuple[date, date],
) -> list[Origin]:
    having = f"and day in (select _day from {read.relation} where {its_rows})" if its_rows else ""
    rows = connection.execute(
        f"""select day, delivery, known_from from {DELIVERIES}
        where table_name = ? and status <> 'held' and known_from > ? and known_from <= ? {having}
        """,
        [read.name, *days],
    ).fetchall()
    return [_origin(read.name, *row) for row in rows]


def _days(
    connection: duckdb.DuckDBPyConnection,
    read: Read,
    its_rows: str | None,
    days: tuple[date, date],
) -> list[Origin]:
    having = f"and {its_rows}" if its_rows else ""
    day = f"{quoted(read.day or '')}::date"
    rows = connection.execute(
        f"""select distinct {day} from {read.relation}
        where {day} + {read.lag_days} > ? and {day} + {read.lag_days} <= ? {having}""",
        list(days),
    ).fetchall()
    lag = timedelta(days=read.lag_days)
    return [_origin(read.name, found, None, found + lag) for (found,) in rows]


def _origin(table: str, day: date, delivery: Any, known_from: date) -> Origin:
    return Origin(table=table, day=day, delivery=delivery, known_from=known_from)


def columns(connection: duckdb.DuckDBPyConnection, relation: str) -> set[str]:
    """Return the names of a relation's columns."""
    described = connection.execute(f"describe {relation}").fetchall()
    return {str(row[0]) for row in described}
