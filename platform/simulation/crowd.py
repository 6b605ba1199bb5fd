"""Customers of a shop of any size: who buys on a day follows from the day alone, not from others.

So days can be drawn in parallel, and no state grows with the history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.process import BEFORE, Floats, Ints
from simulation.world import USUAL_COUNTRIES

LIFE, LONGEST_LIFE = 250.0, 750.0  # days from the first purchase to the last: mean, and at most
USUAL_GAP, GAP_SPREAD, SHORTEST_GAP = 40.0, 0.8, 2.0  # days between purchases: median, of the log
BETWEEN, DUE, DUE_WIDTH = 0.25, 2.0, 0.15  # intensity between purchases, when due; in gaps
LINES_SPREAD = 0.6  # of the log of a customer's usual number of lines
LOG_QUANTITY, QUANTITY_SPREAD = 1.2, 0.6

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Crowd:
    """All customers, by their first day; arrays of shape (customers,), days count from `start`."""

    first: Singles
    last: Singles
    gap: Singles
    lines_factor: Singles
    log_quantity: Singles
    country: NDArray[np.int8]

    def buyers(self, day: int, count: int, rng: np.random.Generator) -> Ints:
        """Draw `count` different customers who buy on `day`, those who are due more often.

        Sampling without replacement in proportion to the intensities, by exponential keys
        (Efraimidis and Spirakis 2006).
        """
        alive = np.flatnonzero((self.first <= day) & (day < self.last))
        keys = rng.standard_exponential(len(alive), np.float32) / self._intensity(alive, day)
        return alive[np.argpartition(keys, count)[:count]]

    def _intensity(self, customers: Ints, day: int) -> Floats:
        """Purchases expected per day; it peaks every `gap` days, counted from the first one."""
        gap = self.gap[customers]
        gaps = (day - self.first[customers]) / gap
        due = np.exp(-(((gaps - np.round(gaps)) / DUE_WIDTH) ** 2) / 2)
        return (
            (BETWEEN + DUE * due) * np.exp(np.array(BEFORE.country))[self.country[customers]] / gap
        )


def draw_crowd(orders_per_day: float, days: int, rng: np.random.Generator) -> Crowd:
    """Draw as many customers as make about `orders_per_day` orders; they come and go steadily."""
    alive = orders_per_day * USUAL_GAP / np.exp(GAP_SPREAD**2 / 2)
    count = round(alive * (days + LONGEST_LIFE) / LIFE)
    first = np.sort(rng.uniform(-LONGEST_LIFE, days, count))
    last = first + np.minimum(rng.exponential(LIFE, count), LONGEST_LIFE)
    first, last = first[last > 0], last[last > 0]
    return Crowd(
        first=first.astype(np.float32),
        last=last.astype(np.float32),
        gap=np.maximum(_spread(rng, USUAL_GAP, GAP_SPREAD, len(first)), SHORTEST_GAP),
        lines_factor=_spread(rng, np.exp(-(LINES_SPREAD**2) / 2), LINES_SPREAD, len(first)),
        log_quantity=rng.normal(LOG_QUANTITY, QUANTITY_SPREAD, len(first)).astype(np.float32),
        country=rng.choice(len(USUAL_COUNTRIES), len(first), p=USUAL_COUNTRIES).astype(np.int8),
    )


def _spread(rng: np.random.Generator, median: Floats | float, spread: float, count: int) -> Singles:
    return (median * rng.lognormal(0, spread, count)).astype(np.float32)
