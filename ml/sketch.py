"""What is kept of a column for drift checks: a few quantiles or counts instead of its rows."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SIZE = 2048
DAILY = 256  # of a day, as the lake keeps it: 21 columns are 43 kB
OTHER = "(other)"
# Share of days that must agree before a column counts as an index of time.
MOSTLY = 0.95

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class ColumnSketch:
    """A column's distribution, with what Evidently would drop kept beside it.

    Numbers keep `points`, sorted mid-quantiles, each standing for the same share of the finite
    values, and the smallest and largest value. Categories keep `levels` (most frequent first) with
    their `counts`.
    """

    kind: Literal["number", "category"]
    n: int  # rows, missing ones included
    nulls: int  # null or NaN
    infinite: int = 0
    points: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def valid(self) -> int:
        """Rows with a usable value: neither missing nor infinite."""
        return self.n - self.nulls - self.infinite

    @property
    def null_share(self) -> float:
        """Share of rows without a value, 0 where there are no rows."""
        return self.nulls / self.n if self.n else 0.0

    @property
    def only_value(self) -> float | str | None:
        """The one value that every usable row has, None where they differ or there are none."""
        if self.kind == "category":
            return self.levels[0] if len(self.levels) == 1 else None
        return self.low if self.low == self.high else None


def sketch(column: pa.ChunkedArray | pa.Array, size: int = SIZE) -> ColumnSketch:
    """Compress one Arrow column to at most `size` points or levels; the same rows give the same.

    Raises TypeError for a type that has no distribution to compare (dates, lists, ...).
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = _kind(column.type)
    if pa.types.is_null(column.type):
        return ColumnSketch(kind, len(column), len(column))
    if kind == "category":
        return _categories(column, size)
    values = pc.drop_null(column.cast(pa.float64(), safe=False)).to_numpy()
    finite = np.sort(values[np.isfinite(values)])
    nulls = column.null_count + int(np.isnan(values).sum())
    return ColumnSketch(
        kind="number",
        n=len(column),
        nulls=nulls,
        infinite=len(column) - nulls - len(finite),
        points=_points(finite, size),
        low=float(finite[0]) if len(finite) else None,
        high=float(finite[-1]) if len(finite) else None,
    )


def sketch_table(table: pa.Table, size: int = SIZE) -> dict[str, ColumnSketch]:
    """Sketch every column of a table; sorting leaves the interpreter lock, so two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        sketches = pool.map(lambda name: sketch(table[name], size), table.column_names)
        return dict(zip(table.column_names, sketches, strict=True))


def has_distribution(data_type: pa.DataType) -> bool:
    """Whether a column of this type can be sketched; dates and nested values cannot."""
    return kind_of(data_type) is not None


def kind_of(data_type: pa.DataType) -> Literal["number", "category"] | None:
    """How a column of a type is compared, None where it cannot be."""
    types = pa.types
    if types.is_dictionary(data_type):
        return kind_of(data_type.value_type)
    if types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type):
        return "number"
    strings = types.is_string(data_type) or types.is_large_string(data_type)
    if strings or types.is_string_view(data_type) or types.is_boolean(data_type):
        return "category"
    return "category" if types.is_null(data_type) else None


def _kind(data_type: pa.DataType) -> Literal["number", "category"]:
    kind = kind_of(data_type)
    if kind is None:
        raise TypeError(
            f"a column of type {data_type} cannot be sketched: "
            "leave it out, or turn it into a number (days since) or a category"
        )
    return kind


def _categories(column: pa.ChunkedArray | pa.Array, size: int) -> ColumnSketch:
    counted = pc.value_counts(pc.drop_null(column.cast(pa.string())))
    pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
    levels, counts = top_levels(dict(pairs), size)
    return ColumnSketch("category", len(column), column.null_count, levels=levels, counts=counts)


def top_levels(counts: dict[str, int], size: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The most frequent levels with their counts, the rest as `OTHER`; alters `counts`."""
    rest = counts.pop(OTHER, 0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if rest or len(ordered) > size:
        rest += sum(count for _, count in ordered[size - 1 :])
        ordered = [*ordered[: size - 1], (OTHER, rest)]
    return tuple(level for level, _ in ordered), tuple(count for _, count in ordered)


def _points(ordered: Floats, size: int) -> tuple[float, ...]:
    if len(ordered) <= size:
        return tuple(ordered.tolist())
    middles = ((np.arange(size) + 0.5) / size * len(ordered)).astype(np.int64)
    return tuple(ordered[middles].tolist())


def one_value_a_day(days: Iterable[Mapping[str, ColumnSketch]]) -> frozenset[str]:
    """Columns that hold one value per day, the same for every entity: a calendar, a shop's total.

    They are an index of time: a later span always differs from an earlier one, so how they are
    distributed says nothing about drift. One that never changed at all counts too: it may be the
    beginning of such a column. A few odd days (one row, a late correction) are allowed.
    """
    varies: dict[str, list[bool]] = {}
    for day in days:
        for name, column in day.items():
            if column.valid:
                varies.setdefault(name, []).append(column.only_value is None)
    return frozenset(name for name, seen in varies.items() if sum(seen) <= (1 - MOSTLY) * len(seen))
