"""Sketches of many rows from those of parts: days into weeks, a reference without one day.

Counts, nulls and extremes are exact; quantiles are as exact as the points of the parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ml.sketch import SIZE, ColumnSketch, Floats, top_levels


def merge(sketches: Sequence[ColumnSketch], size: int = SIZE) -> ColumnSketch:
    """The sketch of all rows together, from the sketches of parts (days into weeks).

    Raises ValueError where there is nothing to merge, or where parts differ in kind.
    """
    kinds = {part.kind for part in sketches if part.valid}
    if not sketches or len(kinds) > 1:
        raise ValueError(
            f"cannot merge {len(sketches)} sketches of kinds {sorted(kinds)}: "
            "pass at least one, all of one column and one type"
        )
    kind = kinds.pop() if kinds else sketches[0].kind
    levels, counts = _merged_counts(sketches, size)
    return ColumnSketch(
        kind=kind,
        n=sum(part.n for part in sketches),
        nulls=sum(part.nulls for part in sketches),
        infinite=sum(part.infinite for part in sketches),
        points=_merged_points(sketches, size),
        low=min((part.low for part in sketches if part.low is not None), default=None),
        high=max((part.high for part in sketches if part.high is not None), default=None),
        levels=levels,
        counts=counts,
    )


def merge_tables(
    tables: Iterable[Mapping[str, ColumnSketch]], size: int = SIZE
) -> dict[str, ColumnSketch]:
    """Merge column by column; a column that only some tables have is merged over those."""
    parts: dict[str, list[ColumnSketch]] = {}
    for table in tables:
        for name, part in table.items():
            parts.setdefault(name, []).append(part)
    return {name: merge(found, size) for name, found in parts.items()}


def without_each(parts: Sequence[ColumnSketch], size: int = SIZE) -> Iterator[ColumnSketch]:
    """For each of at least two parts the merge of all the others, sorting the points only once."""
    values, weights, owners = _weighted(parts)
    bare = [replace(part, points=()) for part in parts]
    for i in range(len(parts)):
        whole = merge([*bare[:i], *bare[i + 1 :]], size)
        kept = owners != i
        yield replace(whole, points=_quantiles(values[kept], weights[kept], size))


def _merged_counts(
    sketches: Sequence[ColumnSketch], size: int
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    total: dict[str, int] = {}
    for part in sketches:
        for level, count in zip(part.levels, part.counts, strict=True):
            total[level] = total.get(level, 0) + count
    return top_levels(total, size)


def _merged_points(parts: Sequence[ColumnSketch], size: int) -> tuple[float, ...]:
    values, weights, _ = _weighted(parts)
    return _quantiles(values, weights, size)


def _weighted(parts: Sequence[ColumnSketch]) -> tuple[Floats, Floats, Floats]:
    """All points in order, the rows that each stands for, and the index of its part."""
    filled = [
        (i, np.asarray(part.points), part.valid) for i, part in enumerate(parts) if part.points
    ]
    if not filled:
        return np.empty(0), np.empty(0), np.empty(0)
    values = np.concatenate([points for _, points, _ in filled])
    weights = np.concatenate([np.full(len(points), n / len(points)) for _, points, n in filled])
    owners = np.concatenate([np.full(len(points), i) for i, points, _ in filled])
    order = np.argsort(values, kind="stable")
    return values[order], weights[order], owners[order]


def _quantiles(values: Floats, weights: Floats, size: int) -> tuple[float, ...]:
    if not len(values):
        return ()
    reached = np.cumsum(weights)
    size = min(size, len(values))
    middles = np.searchsorted(reached, (np.arange(size) + 0.5) / size * reached[-1])
    return tuple(values[middles].tolist())
