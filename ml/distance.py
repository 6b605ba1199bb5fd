"""How far two sketches of one column are apart: one score per column, 0 where nothing changed."""

from typing import cast

import numpy as np

from ml.sketch import OTHER, ColumnSketch, Floats

# One quantile counts as moved by at most this many spreads, so a lone outlier cannot make a score.
FURTHEST = 10.0
# Below this share of the values' size a spread is rounding, not variation.
ROUNDING = 1e-12
SPREAD_AT = np.array([0, 0.01, 0.25, 0.75, 0.99, 1])


def score(reference: ColumnSketch, current: ColumnSketch) -> float | None:
    """Distance of the values, by kind; None where a side has none or the kinds differ."""
    if not (reference.valid and current.valid) or reference.kind != current.kind:
        return None
    if reference.kind == "category":
        return category_distance(reference, current)
    return wasserstein(np.asarray(reference.points), np.asarray(current.points))


def wasserstein(reference: Floats, current: Floats) -> float:
    """First Wasserstein distance in spreads of the reference, of two sorted samples (not empty).

    W1 is the mean distance of equal quantiles; dividing by the interquartile range makes it
    free of units. 0.1 is about a shift of 0.13 sd of a normal column.
    """
    size = max(len(reference), len(current))
    moved = np.abs(quantiles(current, size) - quantiles(reference, size))
    return float(np.minimum(moved / spread(reference), FURTHEST).mean())


def spread(points: Floats) -> float:
    """The interquartile range of sorted values; where most are equal, a share of a wider range.

    A constant column is measured against its own size (against 1 where it is 0).
    """
    position = SPREAD_AT * (len(points) - 1)
    below = position.astype(np.int64)
    above = np.minimum(below + 1, len(points) - 1)
    low, q1, q25, q75, q99, high = points[below] + (position - below) * (
        points[above] - points[below]
    )
    size = max(abs(low), abs(high))
    for width in (max(q75 - q25, (q99 - q1) / 10), (high - low) / 10):
        if width > ROUNDING * size:
            return float(width)
    return float(size) or 1.0


def quantiles(ordered: Floats, size: int) -> Floats:
    """Equal-mass points of a sorted sample: `size` rows that stand for it."""
    middles = ((np.arange(size) + 0.5) / size * len(ordered)).astype(np.int64)
    return cast(Floats, ordered[middles])


def category_distance(reference: ColumnSketch, current: ColumnSketch) -> float:
    """Jensen-Shannon distance (natural logarithm, 0 to 0.83), as Evidently's `jensenshannon`."""
    from scipy.spatial.distance import jensenshannon  # its import takes half a second

    levels = sorted({*reference.levels, *current.levels})
    shares = [shares_of(column, levels) for column in (reference, current)]
    return float(np.nan_to_num(jensenshannon(*shares)))


def shares_of(column: ColumnSketch, levels: list[str]) -> Floats:
    """Share of each level among the column's values; (len(levels),)."""
    counted = dict(zip(column.levels, column.counts, strict=True))
    return np.array([counted.get(level, 0) for level in levels], dtype=np.float64) / column.valid


def unseen_share(reference: ColumnSketch, current: ColumnSketch) -> float:
    """Share of current values whose category the reference never had; 0 for numbers.

    Where the reference had to pool its rarest levels, new ones cannot be told from those: as large
    a share of the values as it has pooled is taken for known.
    """
    if "category" not in (reference.kind, current.kind) or not (reference.valid and current.valid):
        return 0.0
    known, levels = {*reference.levels}, sorted({*reference.levels, *current.levels})
    before, now = (shares_of(column, levels) for column in (reference, current))
    new = sum(float(share) for level, share in zip(levels, now, strict=True) if level not in known)
    if OTHER not in known:
        return new
    pooled = levels.index(OTHER)
    return max(0.0, new - max(0.0, float(before[pooled] - now[pooled])))
