"""Seeded streams of daily rows: years without drift, and drifts laid into them.

Every column is a normal number seen through its kind: as it is, as its exponential, as a count, or
as one of six categories. Days differ: each column's level wanders (autocorrelated), is another one
at weekends, and jumps on ten holidays a year. A drift moves the level by a share of the rows' sd.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from ml.sketch import DAILY, ColumnSketch, Floats, sketch

START = date(2023, 1, 2)  # a Monday
KINDS = ("normal",) * 10 + ("lognormal",) * 4 + ("count",) * 3 + ("category",) * 3
REFERENCE, YEAR = 84, 365
WEEKEND, HOLIDAY = 0.2, 0.3  # sd of a column's offset on such days
HOLIDAYS = 8  # single ones a year, and one pair
LEVELS = np.array([-1.2, -0.4, 0.2, 0.9, 1.6])  # where the categories change


@dataclass(frozen=True)
class Stream:
    """`REFERENCE` days and a year after them, of `rows` rows a day.

    wander: largest sd of a column's daily level; each column has one between 0.02 and this.
    correlation: of a column's level with that of the day before.
    """

    seed: int
    rows: int
    wander: float = 0.06
    correlation: float = 0.5

    @cached_property
    def levels(self) -> np.ndarray:
        """Mean of the hidden number, (days, columns)."""
        random = np.random.default_rng([self.seed, self.rows])
        days, columns = REFERENCE + YEAR, len(KINDS)
        level = np.empty((days, columns))
        level[0] = random.normal(size=columns)
        for day in range(1, days):
            news = np.sqrt(1 - self.correlation**2) * random.normal(size=columns)
            level[day] = self.correlation * level[day - 1] + news
        level *= random.uniform(0.02, self.wander, columns)
        weekend = np.array([self.day(i).weekday() >= 5 for i in range(days)])
        level += weekend[:, None] * random.normal(0, WEEKEND, columns)
        return level + _holidays(random, days)[:, None] * random.normal(0, HOLIDAY, columns)

    def day(self, index: int) -> date:
        """The date of a day; the year begins at index `REFERENCE`."""
        return START + timedelta(days=index)

    def values(self, index: int, column: int, shift: float = 0.0) -> Floats:
        """The hidden numbers of a day and column, always the same but for the shift; (rows,)."""
        random = np.random.default_rng([self.seed, self.rows, index, column])
        return random.standard_normal(self.rows) + self.levels[index, column] + shift

    def column(self, index: int, column: int, shift: float = 0.0) -> pa.Array:
        """What a platform sees of them."""
        return seen(self.values(index, column, shift), KINDS[column])

    def sketch(self, index: int, column: int, shift: float = 0.0) -> ColumnSketch:
        """A day's column as the lake keeps it."""
        return sketch(self.column(index, column, shift), DAILY)

    def table(self, index: int, shifts: Sequence[float] = (0.0,) * len(KINDS)) -> dict:
        """A day's columns as the lake keeps them."""
        return {name(c): self.sketch(index, c, shifts[c]) for c in range(len(KINDS))}


def seen(hidden: Floats, kind: str) -> pa.Array:
    """The hidden normal numbers as a column of a kind."""
    if kind == "lognormal":
        return pa.array(np.exp(hidden))
    if kind == "count":
        return pa.array(np.floor(np.exp(hidden / 2 + 1)))
    if kind == "category":
        return pa.DictionaryArray.from_arrays(np.searchsorted(LEVELS, hidden), list("abcdef"))
    return pa.array(hidden)


def name(column: int) -> str:
    """A column's name, with its kind in front."""
    return f"{KINDS[column]}_{column:02d}"


def _holidays(random: np.random.Generator, days: int) -> np.ndarray:
    found = np.zeros(days, bool)
    found[random.choice(days, HOLIDAYS * days // YEAR, replace=False)] = True
    pair = random.integers(days - 1)
    found[pair : pair + 2] = True
    return found
