"""How sure a mean difference is when rows are not independent.

A customer appears on many days with nearly the same label, and a day's shock hits all customers;
rows resampled one by one would look far more certain than they are. So whole clusters are drawn:
consecutive days in circular blocks (Politis and Romano, 1992), or entities one by one.
"""

from typing import Any

import numpy as np

from ml.schema import Floats

DRAWS = 1000
BLOCKS = 4  # a block is a quarter of the days: labels of neighbouring days overlap


def mean_quantile(
    values: Floats, clusters: np.ndarray[Any, Any], *, level: float, seed: int, block: int = 1
) -> float:
    """Quantile `level` of the mean of `values` when `clusters`, both of shape [rows], are redrawn.

    Clusters are ordered by their value; `block` neighbours are drawn together.
    """
    _, member = np.unique(clusters, return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    rng = np.random.default_rng(seed)
    size = len(sums)
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        starts = rng.integers(size, size=-(-size // block))
        drawn = ((starts[:, None] + np.arange(block)) % size).ravel()[:size]
        means[draw] = sums[drawn].sum() / counts[drawn].sum()
    return float(np.quantile(means, level))


def by_days(values: Floats, days: np.ndarray[Any, Any], level: float, seed: int) -> float:
    """`mean_quantile` over blocks of days; `days` has shape [rows]."""
    block = max(1, len(np.unique(days)) // BLOCKS)
    return mean_quantile(values, days, level=level, seed=seed, block=block)
