"""Broken days: how many are found on the day itself, how many healthy ones are called broken."""

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.drift.alarms import Leeway
from bench.drift.streams import KINDS, REFERENCE, Stream, name
from ml.incident import Finding, day_incidents
from ml.sketch import DAILY, ColumnSketch, sketch

DAYS = (10, 100, 300)  # of the year


def nulls(column: pa.Array) -> pa.Array:
    """Every third value is gone."""
    return pc.if_else(pa.array(np.arange(len(column)) % 3 == 0), None, column)


def all_null(column: pa.Array) -> pa.Array:
    """No value at all."""
    return pa.nulls(len(column), column.type)


def unseen(column: pa.Array) -> pa.Array:
    """A tenth of the rows in a category that is new."""
    return pc.if_else(pa.array(np.arange(len(column)) % 10 == 0), "new", column)


def unit(column: pa.Array) -> pa.Array:
    """Times a hundred: cents for euros."""
    return pc.multiply(column, 100.0)


FAULTS: dict[str, tuple[Callable[[pa.Array], pa.Array], tuple[str, ...]]] = {
    "a third is null": (nulls, ("normal", "lognormal", "count", "category")),
    "all null": (all_null, ("normal", "lognormal", "count", "category")),
    "unseen category, a tenth": (unseen, ("category",)),
    "unit change, x 100": (unit, ("normal", "lognormal", "count")),
}


def found(leeway: Leeway, fault: str) -> list[bool]:
    """Whether a fault in one column is found on its day, by column and day."""
    change, kinds = FAULTS[fault]
    return [
        _is_found(leeway, change, column, day)
        for column in range(len(KINDS))
        if KINDS[column] in kinds
        for day in DAYS
    ]


def false_incidents(leeway: Leeway) -> int:
    """Healthy days of the year that are called broken."""
    return sum(bool(_findings(leeway, day, table)) for day, table in leeway.year.items())


def _is_found(
    leeway: Leeway, change: Callable[[pa.Array], pa.Array], column: int, day: int
) -> bool:
    stream: Stream = leeway.stream
    rows = stream.column(REFERENCE + day, column)
    plain = rows.cast(pa.string()) if KINDS[column] == "category" else rows
    at = stream.day(REFERENCE + day)
    broken = {**leeway.days[at], name(column): sketch(change(plain), DAILY)}
    return any(finding.column == name(column) for finding in _findings(leeway, at, broken))


def _findings(leeway: Leeway, day: date, table: Mapping[str, ColumnSketch]) -> tuple[Finding, ...]:
    known = leeway.calibration
    return day_incidents(known.reference, known.extremes, table, limits=known.limits(day))
