"""Whether a new champion stays: the version before it has scored the same rows beside it.

Some faults take it back at once: what it cannot score, and the version before it can. Losses take
it back when they are worse with 95 % confidence, at one of two looks: when the first half of the
trial has matured, and when all of it has. Looking every day for a difference at 5 % would find one
far more often than in 5 of 100 trials (Armitage, McPherson and Rowe, 1969), so each look
spends half of the 5 %, always on the same days, however often and late it is asked for.

As in the gate, the lower bounds over day blocks and over entities must both lie above 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from ml.bootstrap import by_days, mean_quantile
from ml.schema import Floats

ENOUGH = 0.7  # of a look's days must have rows: 5 of 7, 10 of 14


@dataclass(frozen=True)
class Trial:
    """The days on which a version is compared, from `first` on, and the labels' horizon."""

    first: date
    days: int
    horizon_days: int

    @property
    def looks(self) -> tuple[date, date]:
        """Last day of the rows of each look."""
        half = (self.days + 1) // 2
        return self.first + timedelta(half - 1), self.first + timedelta(self.days - 1)

    @property
    def end(self) -> date:
        """Day on which the labels of the last of the trial's days have matured."""
        return self.looks[-1] + timedelta(self.horizon_days)


@dataclass(frozen=True)
class Differences:
    """Loss of the new version minus that of the one before it, all of shape [rows]."""

    day: np.ndarray[Any, Any]
    entity: np.ndarray[Any, Any]
    worse: Floats

    def until(self, last: date) -> "Differences":
        """Return the rows of days up to `last`."""
        kept = self.day <= np.datetime64(last)
        return Differences(self.day[kept], self.entity[kept], self.worse[kept])


@dataclass(frozen=True)
class Fault:
    """A day that the new version could not score as it must, and the one before it could."""

    day: date
    kind: str
    detail: str


@dataclass(frozen=True)
class Look:
    """What the losses of the days up to `last` say; without enough days the bound is None."""

    last: date
    days: int
    mean: float
    lower_bound: float | None

    @property
    def is_worse(self) -> bool:
        """Whether the new version is surely worse."""
        return self.lower_bound is not None and self.lower_bound > 0


@dataclass(frozen=True)
class Ruling:
    """Whether to go back, and why; `looks` are those whose days have matured."""

    go_back: bool
    why: str
    looks: tuple[Look, ...]


def rule(
    trial: Trial,
    as_of: date,
    differences: Differences,
    faults: Sequence[Fault],
    *,
    alpha: float = 0.05,
    seed: int = 7,
) -> Ruling:
    """Judge a trial at the end of `as_of`; the same evidence gives the same ruling."""
    if faults:
        first = min(faults, key=lambda fault: (fault.day, fault.kind))
        return Ruling(True, f"{first.kind} on {first.day}: {first.detail}", ())
    due = [last for last in trial.looks if last + timedelta(trial.horizon_days) <= as_of]
    level = alpha / len(trial.looks)
    looks = tuple(look(trial, last, differences, level, seed) for last in due)
    worse = next((found for found in looks if found.is_worse), None)
    if worse is None:
        return Ruling(False, "not worse with confidence", looks)
    return Ruling(
        True,
        f"the loss of {worse.days} days up to {worse.last} is worse by {worse.mean:.4f} a "
        f"row, at least {worse.lower_bound:.4f} with {1 - level:.1%} confidence",
        looks,
    )


def look(trial: Trial, last: date, differences: Differences, level: float, seed: int) -> Look:
    """Compare the days of a trial up to `last`; `level` is the chance of a false alarm."""
    rows = differences.until(last)
    days = len(np.unique(rows.day))
    mean = float(rows.worse.mean()) if days else 0.0
    if days < ENOUGH * ((last - trial.first).days + 1):
        return Look(last, days, mean, None)
    over_days = by_days(rows.worse, rows.day, level, seed)
    over_entities = mean_quantile(rows.worse, rows.entity, level=level, seed=seed)
    return Look(last, days, mean, min(over_days, over_entities))
