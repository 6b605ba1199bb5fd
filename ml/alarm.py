"""What an alarm says, and the loss alarm: is the champion worse than it was when it was judged?

Its reference is the days that the gate judged it by: they lie before it went live, so a rule that
turns in its first days is seen as soon as their labels mature.

Source: E. S. Page, Continuous inspection schemes, Biometrika 41 (1954): one-sided CUSUM.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np

from ml.schema import Floats

# Variance of a loss that never varies: a perfect model that starts to err must not divide by zero.
TINY = 1e-12


@dataclass(frozen=True)
class DayLoss:
    """The champion's loss on the rows of one day whose labels have matured."""

    day: date
    rows: int
    mean: float
    sd: float  # between rows, 0 where there is one

    @classmethod
    def of(cls, day: date, losses: Floats) -> "DayLoss":
        """Summarise the losses of a day's rows, shape [rows], at least one."""
        sd = float(losses.std(ddof=1)) if len(losses) > 1 else 0.0
        return cls(day, len(losses), float(losses.mean()), sd)


@dataclass(frozen=True)
class LossAlarmPolicy:
    """How much worse, for how long, is an alarm."""

    reference_days: int = 14  # wanted; what judged days lack of them the first live ones give
    judged_days: int = 7  # from which on they are a reference of their own
    k: float = 0.5  # slack: worsening per day, in sd, that is let pass
    h: float = 5.0  # threshold of the sum
    sd_floor: float = 0.05  # of the reference's mean loss; overlapping labels hide a day's true sd


@dataclass(frozen=True)
class AlarmState:
    """Where an alarm stands today. Raised but not calibrated, or harmless, is advice, no alarm."""

    statistic: float
    threshold: float
    raised: bool
    since: date | None
    calibrated: bool
    reason: str
    columns: tuple[str, ...] = ()  # what drives it, worst first
    sums: Mapping[str, float] = field(default_factory=dict)  # of the worst columns, raised or not
    harmful: bool = True  # whether a model can be expected to suffer

    @property
    def severity(self) -> Literal["ERROR", "WARN"] | None:
        """ERROR asks for a new model, WARN is advice, None is nothing to report."""
        if not self.raised:
            return None
        return "ERROR" if self.calibrated and self.harmful else "WARN"


def cusum(values: Sequence[float], k: float, h: float) -> list[float]:
    """The one-sided sum max(0, S + value - k) after each value, kept at or below 2h.

    The ceiling lets an alarm end within days of the cause; it is up where the sum is above h.
    """
    sums: list[float] = []
    for value in values:
        previous = sums[-1] if sums else 0.0
        sums.append(min(max(0.0, previous + value - k), 2 * h))
    return sums


def performance(
    days: Sequence[DayLoss], policy: LossAlarmPolicy, judged: Sequence[DayLoss] = ()
) -> AlarmState:
    """Judge the champion's daily losses, oldest first, against what it was let in with.

    judged: losses on the days that the gate judged it by, all of them before `days`; where they are
    few, the first of `days` are reference too. Days without rows are passed over. A loss that is
    not finite raises the alarm at once. Raises ValueError where the days are not in order.
    """
    _check_order([*judged, *days])
    filled = [day for day in days if day.rows]
    broken = [day for day in filled if not math.isfinite(day.mean)]
    if broken:
        reason = f"the loss of {broken[0].day} is {broken[0].mean}"
        return AlarmState(2 * policy.h, policy.h, True, broken[0].day, True, reason)
    lacking = _lacking(len(judged), policy)
    first, rest = [*judged, *filled[:lacking]], filled[lacking:]
    if not rest:
        reason = f"not calibrated: {len(filled)} of {lacking + 1} days have matured"
        return AlarmState(0.0, policy.h, False, None, False, reason)
    sums = cusum(_standardised(first, rest, policy.sd_floor), policy.k, policy.h)
    start = excursion(sums)
    since = None if start is None else rest[start].day
    usual, now = _mean(first), _mean([day for day in rest if since and day.day >= since] or rest)
    span = f"since {since}" if since else "after them"
    reason = f"mean loss {now:.4f} {span}, {usual:.4f} on {len(first)} days of reference"
    return AlarmState(sums[-1], policy.h, sums[-1] > policy.h, since, True, reason)


def _lacking(judged: int, policy: LossAlarmPolicy) -> int:
    """How many of the champion's own first days complete the reference."""
    return 0 if judged >= policy.judged_days else policy.reference_days - judged


def _check_order(days: Sequence[DayLoss]) -> None:
    for earlier, later in itertools.pairwise(days):
        if earlier.day >= later.day:
            raise ValueError(
                f"day {later.day} comes after {earlier.day}: pass each day once, oldest first"
            )


def _standardised(first: Sequence[DayLoss], rest: Sequence[DayLoss], floor: float) -> list[float]:
    """Each later day's loss in sd of a day: what varies between days, plus the day's own noise."""
    usual = _mean(first)
    noise = np.array([day.sd**2 / day.rows for day in first])
    between = np.var([day.mean for day in first], ddof=1) - noise.mean()
    between = max(between, (floor * usual) ** 2, TINY)
    known = between / len(first) + noise.mean() / len(first)
    return [(day.mean - usual) / math.sqrt(between + known + day.sd**2 / day.rows) for day in rest]


def _mean(days: Sequence[DayLoss]) -> float:
    """Mean over days, each day counted once: the unit that varies is the day."""
    return float(np.mean([day.mean for day in days]))


def excursion(sums: Sequence[float]) -> int | None:
    """Index of the first value of the current excursion, None where the sum is at zero."""
    if not sums or not sums[-1]:
        return None
    return max((i + 1 for i, value in enumerate(sums) if not value), default=0)
