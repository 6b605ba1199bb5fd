"""The feature and prediction alarm: have columns left what the days of the reference look like?

How unusual each day is, over a slack, adds up per column; the largest sum is compared with the
calibration's threshold. Nothing is kept between checks: the sums follow from the days' sketches.

Source: E. S. Page, Continuous inspection schemes, Biometrika 41 (1954).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date

from ml.alarm import AlarmState, cusum, excursion
from ml.calibration import ENOUGH_DAYS, MERGED, SLACK, WEEK, Calibration, Table, distance_of
from ml.merging import merge

WATCHED_DAYS = 56  # how far back the sums are added up; what is up now has begun since
SHOWN = 10  # columns whose sums are told although they are not over the threshold
# A shift of 0.05 sd as W1 over the interquartile range, and as Jensen-Shannon distance.
HARMLESS = {"number": 0.05 / 1.349, "category": 0.05 / math.sqrt(8)}
# Of the most important column's; a column of pure noise was seen to get 0.08 from a small network.
UNIMPORTANT = 0.1


def check(calibration: Calibration, days: Mapping[date, Table]) -> AlarmState:
    """Add up the days since the calibration and compare with its threshold.

    The statistic is the largest sum of a column. Columns that cannot be compared are the circuit
    breaker's to judge, not this alarm's.
    """
    recent = dict(sorted(days.items())[-WATCHED_DAYS:])
    sums = {
        name: cusum(calibration.unusual(recent, name), SLACK, calibration.threshold)
        for name in calibration.usual
        if any(name in table and table[name].valid for table in recent.values())
    }
    if not sums:
        reason = f"not calibrated: nothing to compare with {calibration.days} reference days"
        return AlarmState(0.0, calibration.threshold, False, None, False, reason)
    order = sorted(sums, key=lambda name: (-sums[name][-1], name))
    over = [name for name in order if sums[name][-1] > calibration.threshold]
    moved = {name: _effect(calibration, recent, name, sums[name]) for name in over}
    harm = {name: _harms(calibration, name, moved[name]) for name in over}
    over.sort(key=lambda name: not harm[name])
    start = excursion(sums[(over or order)[0]])
    return AlarmState(
        statistic=sums[order[0]][-1],
        threshold=calibration.threshold,
        raised=bool(over),
        since=None if start is None else list(recent)[start],
        calibrated=calibration.calibrated,
        reason=_reason(calibration, sums, order[0], over, moved),
        columns=tuple(over),
        sums={name: sums[name][-1] for name in dict.fromkeys((*over, *order[:SHOWN]))},
        harmful=any(harm.values()),
    )


def _effect(
    calibration: Calibration, days: Mapping[date, Table], name: str, sums: Sequence[float]
) -> float:
    """How far a column has moved: the days of its excursion together, at most the last week."""
    since = list(days)[max(excursion(sums) or 0, len(days) - WEEK) :]
    having = [day for day in since if name in days[day]]
    expected = [calibration.of_weekday(day) for day in having]
    reference = merge([table[name] for table in expected if name in table], MERGED)
    return distance_of(reference, merge([days[day][name] for day in having], MERGED))


def _harms(calibration: Calibration, name: str, effect: float) -> bool:
    large = effect >= HARMLESS[calibration.reference[name].kind]
    return large and calibration.importance.get(name, 1.0) >= UNIMPORTANT


def _reason(
    calibration: Calibration,
    sums: Mapping[str, Sequence[float]],
    worst: str,
    over: Sequence[str],
    moved: Mapping[str, float],
) -> str:
    limit = f"the limit is {calibration.threshold:.1f}"
    told = [
        f"{name} adds up to {sums[name][-1]:.1f}, is {moved[name]:.3f} from the reference, "
        f"importance {calibration.importance.get(name, 1.0):.2f}"
        for name in over
    ] or [f"{worst} adds up to {sums[worst][-1]:.1f}"]
    reason = f"{'; '.join(told)}; {limit}"
    if not calibration.calibrated:
        return f"advice only, {calibration.days} of {ENOUGH_DAYS} reference days: {reason}"
    harmful = any(_harms(calibration, name, moved[name]) for name in over)
    return reason if harmful or not over else f"too small or unimportant to harm: {reason}"
