"""What a policy has done and what came of it: plain values, ready for a table, a plot or JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np


@dataclass(frozen=True)
class Training:
    """A training of a decision day, and whether it went live; `seconds` of CPU, all its fits."""

    as_of: date
    reasons: tuple[str, ...]
    lane: str
    recipe: str | None  # the best candidate's, None where nothing could be trained
    deployed: bool
    why: str
    seconds: float


@dataclass(frozen=True)
class Alarm:
    """A check that asked for a training: from `day` on it was up, for what began on `since`.

    confirmed: whether a training found a better model while it was up; None where it still is.
    """

    day: date
    check: str
    since: date | None
    confirmed: bool | None = None


@dataclass(frozen=True)
class Deployment:
    """A model that went live on the day after `as_of`, compared on its first weeks.

    worse: its loss above that of the model before it, as a share; None where there are no rows.
    is_worse: whether that is at least 1 % and sure at 95 %.
    """

    as_of: date
    version: int
    worse: float | None
    is_worse: bool


@dataclass(frozen=True)
class DayLoss:
    """Mean loss of the live model on a day's rows."""

    day: date
    version: int
    rows: int
    loss: float


@dataclass(frozen=True)
class Outcome:
    """All that a policy did; every sequence oldest first."""

    policy: str
    days: Sequence[DayLoss]
    trainings: Sequence[Training]
    deployments: Sequence[Deployment]
    alarms: Sequence[Alarm] = ()
    rollbacks: Sequence[tuple[date, str]] = ()
    incidents: Sequence[date] = ()
    seconds: float = 0.0  # of CPU, all of the replay

    def mean_loss(self, since: date) -> float:
        """Mean over rows of the days from `since` on, NaN without any."""
        chosen = [day for day in self.days if day.day >= since]
        rows = sum(day.rows for day in chosen)
        return sum(day.loss * day.rows for day in chosen) / rows if rows else float("nan")

    @property
    def delays(self) -> list[int]:
        """Days from the beginning of what a confirmed alarm is about to the alarm."""
        return [(a.day - a.since).days for a in self.alarms if a.confirmed and a.since]

    def alarms_of(self, confirmed: bool | None) -> int:
        """How many alarms were confirmed (True), were not (False), are still up (None)."""
        return sum(alarm.confirmed is confirmed for alarm in self.alarms)

    @property
    def median_delay(self) -> float | None:
        """Of the confirmed alarms, in days."""
        return float(np.median(self.delays)) if self.delays else None
