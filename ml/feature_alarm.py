"""The feature and prediction alarm: has a week of data left what weeks of the reference look like?

The threshold comes from the reference itself. Each of its weeks is scored against the others, as
the current week will be, so that what days differ by anyway (weekends, seasons) is not an alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from pydantic import TypeAdapter

from ml.alarm import AlarmState
from ml.distance import score
from ml.sketch import ColumnSketch, merge_tables, one_value_a_day

WEEK = 7
POINTS = 256
# Fewer reference days than this give advice only: they have not seen enough weeks.
ENOUGH_DAYS = 84
FEWEST_WEEKS = 3
# A score below this (a shift of 0.04 sd) does no harm, however unusual it is.
NEGLIGIBLE = 0.03
# The threshold above the reference's own worst week; the fewer its weeks, the further above.
MARGIN = 1.1
SHORTAGE = 4.0
# Weeks close in time share rows (windows, customers): this part of them on each side is left out.
NEIGHBOURS = 8

Table = Mapping[str, ColumnSketch]
Scores = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Calibration:
    """What `check` needs, kept with the model version."""

    first: date
    last: date
    days: int
    calibrated: bool
    threshold: float
    usual: dict[str, float]  # root mean square of a column's score over the reference's weeks
    reference: dict[str, ColumnSketch]
    time_columns: tuple[str, ...]  # one value per day: shown, never part of the alarm


def calibrate(reference_days: Mapping[date, Table]) -> Calibration:
    """Learn from daily sketches of the reference how far its own weeks are apart.

    Raises ValueError where there is no day at all.
    """
    if not reference_days:
        raise ValueError("no reference days: pass the sketches of the training window's days")
    skipped = one_value_a_day(reference_days.values())
    weeks = [
        {name: column for name, column in week.items() if name not in skipped}
        for week in _weeks(reference_days)
    ]
    first, last = min(reference_days), max(reference_days)
    reference = merge_tables(weeks or reference_days.values(), POINTS)
    columns = sorted(reference) if len(weeks) >= FEWEST_WEEKS else []
    scores = _between_weeks(weeks, columns) if columns else np.zeros((1, 0))
    usual = np.sqrt((scores**2).mean(axis=0))
    worst = float((scores / usual).max()) if columns else 0.0
    return Calibration(
        first=first,
        last=last,
        days=len(reference_days),
        calibrated=len(reference_days) >= ENOUGH_DAYS and bool(columns),
        threshold=worst * MARGIN * (1 + SHORTAGE / max(len(weeks), 1)),
        usual=dict(zip(columns, usual.tolist(), strict=True)),
        reference={name: reference[name] for name in columns},
        time_columns=tuple(sorted(skipped)),
    )


def check(calibration: Calibration, current: Table) -> AlarmState:
    """Compare a week (the merged sketches of the last 7 days) with the calibration.

    The statistic is the largest score of a column over its usual one. Columns that cannot be
    compared are the circuit breaker's to judge, not this alarm's.
    """
    ratios = {
        name: _score(calibration.reference[name], current[name]) / usual
        for name, usual in calibration.usual.items()
        if name in current and current[name].valid
    }
    if not ratios:
        reason = f"not calibrated: nothing to compare with {calibration.days} reference days"
        return AlarmState(0.0, calibration.threshold, False, None, False, reason)
    ordered = sorted(ratios, key=lambda name: (-ratios[name], name))
    over = tuple(name for name in ordered if ratios[name] > calibration.threshold)
    worst = ordered[0]
    reason = (
        f"{worst} is {ratios[worst]:.1f} times as far from the reference as its weeks usually are, "
        f"the limit is {calibration.threshold:.1f}"
    )
    if not calibration.calibrated:
        reason = f"advice only, {calibration.days} of {ENOUGH_DAYS} reference days: {reason}"
    return AlarmState(
        statistic=ratios[worst],
        threshold=calibration.threshold,
        raised=bool(over),
        since=None,
        calibrated=calibration.calibrated,
        reason=reason,
        columns=over,
    )


def to_json(calibration: Calibration) -> str:
    """The calibration as text, for the model version's artifacts."""
    return TypeAdapter(Calibration).dump_json(calibration).decode()


def from_json(text: str) -> Calibration:
    """The same calibration again; raises pydantic's ValidationError where the text is no such."""
    return TypeAdapter(Calibration).validate_json(text)


def _weeks(days: Mapping[date, Table]) -> list[dict[str, ColumnSketch]]:
    """Whole weeks, oldest first, counted back from the last day; left-over oldest days drop out."""
    last = max(days)
    whole = ((last - min(days)).days + 1) // WEEK
    groups: dict[int, list[Table]] = {}
    for day, table in days.items():
        groups.setdefault((last - day).days // WEEK, []).append(table)
    return [merge_tables(groups[i], POINTS) for i in sorted(groups, reverse=True) if i < whole]


def _between_weeks(weeks: Sequence[Table], columns: Sequence[str]) -> Scores:
    """Score of each week against the weeks that are not its neighbours; (weeks, columns)."""
    near = len(weeks) // NEIGHBOURS
    rows = []
    for i, week in enumerate(weeks):
        others = merge_tables([w for j, w in enumerate(weeks) if abs(i - j) > near], POINTS)
        both = {*others} & {*week}
        rows.append([_score(others[c], week[c]) if c in both else NEGLIGIBLE for c in columns])
    return np.array(rows)


def _score(reference: ColumnSketch, current: ColumnSketch) -> float:
    """Distance of the values plus the change in the share of missing ones."""
    missing = abs(reference.null_share - current.null_share)
    return max((score(reference, current) or 0.0) + missing, NEGLIGIBLE)
