"""What an alarm knows of its reference: how far days are apart when nothing has changed.

A day is scored against the reference's days of its weekday, and the reference's own days each
against the others. The threshold comes from those same days, drawn again as years without drift.

Source: H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals of
Statistics 17 (1989): blocks of consecutive days.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

import numpy as np

from ml.alarm import cusum
from ml.distance import score
from ml.incident import Extremes, IncidentLimits, extremes
from ml.merging import merge_tables, without_each
from ml.sketch import DAILY, ColumnSketch, one_value_a_day

WEEK = 7
MERGED = 1024  # points of the whole reference, which reports are drawn from
ENOUGH_DAYS = 56  # a shorter reference gives advice only: it has not seen enough weeks
FEWEST_DAYS = 21
ALIKE = 4  # days of one weekday, below which a day is compared with all of them
CAP, SLACK, MARGIN = 3.0, 1.0, 1.45
YEARS = 200  # drawn for the threshold
LEAST_THRESHOLD = 2 * (CAP - SLACK)  # two days are never enough
LEAST_SCORE = 1e-3  # nearer than this is the same
LEAST_SD = 0.1  # of the logarithm of a score; a column that hardly varies must not divide by zero
ALL_ALIKE: Mapping[str, float] = MappingProxyType({})

Table = Mapping[str, ColumnSketch]
Scores = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Usual:
    """How far a column's days are from one another: median and sd of the logarithm of scores."""

    median: float
    sd: float

    def z(self, score: float) -> float:
        """How unusual a score is, at most `CAP`: one odd day is no drift."""
        return min((math.log(score) - self.median) / self.sd, CAP)


@dataclass(frozen=True)
class Calibration:
    """What `check` needs, kept with the model version."""

    first: date
    last: date
    days: int
    seed: int
    threshold: float
    usual: dict[str, Usual]
    reference: dict[str, ColumnSketch]
    weekdays: dict[int, dict[str, ColumnSketch]]  # 0 is Monday; those with `ALIKE` days at least
    time_columns: tuple[str, ...]  # one value per day: shown, never part of the alarm
    extremes: Extremes  # of its days, for the circuit breaker
    importance: dict[str, float] = field(default_factory=dict)  # of columns, the largest is 1

    @property
    def calibrated(self) -> bool:
        """Whether the reference is long enough for alarms that count."""
        return self.days >= ENOUGH_DAYS and bool(self.usual)

    def of_weekday(self, day: date) -> Table:
        """What a day is compared with."""
        return self.weekdays.get(day.weekday(), self.reference)

    def limits(self, day: date) -> IncidentLimits:
        """Return from where on a change is a fault on a day, which may be long after the last."""
        after, length = (day - self.last).days, (self.last - self.first).days + 1
        return IncidentLimits().aged(max(after, 0) / length)

    def unusual(self, days: Mapping[date, Table], name: str) -> list[float]:
        """How unusual a column is on each day (z), 0 where there is nothing to compare."""
        usual = self.usual[name]
        return [
            usual.z(distance_of(reference[name], table[name]))
            if name in table and name in (reference := self.of_weekday(day))
            else 0.0
            for day, table in days.items()
        ]


def calibrate(
    reference_days: Mapping[date, Table],
    *,
    seed: int = 0,
    importance: Mapping[str, float] = ALL_ALIKE,
) -> Calibration:
    """Learn from daily sketches of the reference how far its own days are apart.

    importance: of columns for the model, the largest 1; a column that is not named counts as 1. A
    day without rows is an empty table: no fault where the reference has such days. Raises
    ValueError where there is no day at all.
    """
    if not reference_days:
        raise ValueError("no reference days: pass the sketches of the training window's days")
    whole = _learn(reference_days, seed, importance)
    return replace(whole, threshold=max(whole.threshold, _wandered(reference_days, seed)))


def _wandered(reference_days: Mapping[date, Table], seed: int) -> float:
    """How far the second half of the reference gets from what the first half knows.

    Blocks of a week cannot show what wanders for months (features over long windows do); halves
    can, and where days are hardly related they stay below the drawn threshold.
    """
    ordered = sorted(reference_days.items())
    middle = len(ordered) // 2 // WEEK * WEEK
    if middle < FEWEST_DAYS:
        return 0.0
    early, late = _learn(dict(ordered[:middle]), seed, ALL_ALIKE), dict(ordered[middle:])
    sums = [max(cusum(early.unusual(late, name), SLACK, math.inf)) for name in early.usual]
    return max(sums, default=0.0)


def _learn(
    reference_days: Mapping[date, Table], seed: int, importance: Mapping[str, float]
) -> Calibration:
    skipped = one_value_a_day(reference_days.values())
    days = {
        day: {name: column for name, column in table.items() if name not in skipped}
        for day, table in sorted(reference_days.items())
    }
    reference = merge_tables(days.values(), MERGED)
    scores = {name: _between_days(days, name) for name in sorted(reference)}
    names = [name for name in scores if np.isfinite(scores[name]).sum() >= FEWEST_DAYS]
    usual, z = _learned([scores[name] for name in names])
    return Calibration(
        first=min(days),
        last=max(days),
        days=len(days),
        seed=seed,
        threshold=threshold_of(z, seed) if names else 0.0,
        usual=dict(zip(names, usual, strict=True)),
        reference=reference,
        weekdays=_weekdays(days),
        time_columns=tuple(sorted(skipped)),
        extremes=extremes(list(reference_days.values())),
        importance=dict(importance),
    )


def threshold_of(z: Scores, seed: int) -> float:
    """`MARGIN` times the median of the yearly maximum where nothing changes; z is (days, columns).

    Years are blocks of seven whole days in a row, so columns and days stay as related as they are.
    """
    block = min(WEEK, len(z))
    starts = np.random.default_rng(seed).integers(len(z) - block + 1, size=(365 // block, YEARS))
    sums = np.zeros((YEARS, z.shape[1]))
    highest = np.zeros(YEARS)
    for first in starts:
        for offset in range(block):
            sums = np.maximum(0.0, sums + z[first + offset] - SLACK)
            highest = np.maximum(highest, sums.max(axis=1))
    return max(MARGIN * float(np.median(highest)), LEAST_THRESHOLD)


def distance_of(reference: ColumnSketch, current: ColumnSketch) -> float:
    """Distance of the values plus the change in the share of missing ones."""
    missing = abs(reference.null_share - current.null_share)
    return max((score(reference, current) or 0.0) + missing, LEAST_SCORE)


def _weekdays(days: Mapping[date, Table]) -> dict[int, dict[str, ColumnSketch]]:
    groups: dict[int, list[Table]] = {}
    for day, table in days.items():
        if table:
            groups.setdefault(day.weekday(), []).append(table)
    return {n: merge_tables(g, DAILY) for n, g in sorted(groups.items()) if len(g) >= ALIKE}


def _between_days(days: Mapping[date, Table], name: str) -> list[float]:
    """Score of each day's column against the other days of its weekday, NaN where it has none."""
    having = {day: table[name] for day, table in days.items() if name in table}
    groups: dict[int, list[date]] = {}
    for day in having:
        groups.setdefault(day.weekday(), []).append(day)
    scores = dict.fromkeys(days, math.nan)
    for group in groups.values():
        alike = group if len(group) >= ALIKE else list(having)
        others = without_each([having[day] for day in alike], DAILY) if len(alike) > 1 else ()
        found = dict(zip(alike, others, strict=False))
        scores |= {day: distance_of(found[day], having[day]) for day in group if day in found}
    return list(scores.values())


def _learned(scores: Sequence[Sequence[float]]) -> tuple[list[Usual], Scores]:
    """Every column's usual score, and the days' z; (days, columns), 0 where there is no score."""
    if not scores:
        return [], np.zeros((0, 0))
    logs = np.log(np.array(scores, dtype=np.float64)).T
    median = np.nanmedian(logs, axis=0)
    sd = np.maximum(np.nanstd(logs, axis=0, ddof=1), LEAST_SD)
    usual = [Usual(*pair) for pair in zip(median.tolist(), sd.tolist(), strict=True)]
    return usual, np.nan_to_num(np.minimum((logs - median) / sd, CAP))
