"""Which partitions of a training set cannot be read any more, and what to do about it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date

import duckdb

from declaration import MlModel
from errors import NoEvidenceError
from lifecycle.taint import spans
from resources.lake import Lake, listed, quoted

Lost = dict[str, list[date]]  # days by table


@contextmanager
def still_there(
    lake: Lake, model: MlModel, days: Sequence[date], snapshot: int, rows_on: Sequence[date]
) -> Iterator[None]:
    """Read `days` inside; raises NoEvidenceError with the tables and days that are lost.

    rows_on: those that had rows when they were trained on.
    """
    held = "select 1 from lake.snapshots() where snapshot_id = ?"
    if not lake.rows(held, [snapshot]):
        expired = {table: list(rows_on) for table in tables_of(model)}
        raise error_of(model, snapshot, "the snapshot has expired", expired)
    try:
        yield
    except duckdb.Error as error:
        if lost := unreadable(lake, model, days, snapshot):
            raise error_of(model, snapshot, "their files cannot be read", lost) from error
        raise


def error_of(model: MlModel, snapshot: int, why: str, lost: Lost) -> NoEvidenceError:
    """Return the error that names every partition that is lost."""
    named = "; ".join(f"{table} {spans(days)}" for table, days in lost.items())
    return NoEvidenceError(
        f"{model.name}: rows of {named} at snapshot {snapshot} are gone: {why}. Restore catalog "
        "and files of the lake from a backup, or reproduce a version whose snapshot upkeep keeps: "
        "one that was live, or one of the last candidates"
    )


def unreadable(lake: Lake, model: MlModel, days: Sequence[date], snapshot: int) -> Lost:
    """Return the days, by table, at which reading fails."""
    lost: Lost = {}
    for table, name in tables_of(model).items():
        for day in days:
            try:
                lake.read(f"select * from {name} where {quoted(model.time)} = ?", [day], snapshot)
            except duckdb.Error:
                lost.setdefault(table, []).append(day)
    return lost


def empty(lake: Lake, model: MlModel, days: Sequence[date], snapshot: int) -> Lost:
    """Return the tables that lack rows of `days`; both where only what they share is missing."""
    time = quoted(model.time)
    lost: Lost = {}
    for table, name in tables_of(model).items():
        query = f"select distinct {time} as day from {name} where {time} in {listed(days)}"
        found = set(lake.read(query, list(days), snapshot)["day"].to_pylist())
        lost[table] = [day for day in days if day not in found]
    some = {table: gone for table, gone in lost.items() if gone}
    return some or {table: list(days) for table in lost}


def tables_of(model: MlModel) -> dict[str, str]:
    """Return features and labels: their names in SQL by table."""
    return {
        model.features.table: quoted(model.features_schema, model.features.table),
        model.label.table: quoted(model.label_schema, model.label.table),
    }
