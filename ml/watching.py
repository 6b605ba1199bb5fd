"""What a day's watch concludes about a champion, from what is known of its days; pure functions.

The asset reads its days from the lake, `leeway replay` has them in memory: both ask here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from ml import estimated, feature_alarm
from ml.accepted import Accepted
from ml.alarm import AlarmState, DayLoss, LossAlarmPolicy, performance
from ml.calibration import Table
from ml.incident import Extremes, Finding, day_incidents, incidents
from ml.known import Known
from ml.merging import merge_tables
from ml.sketch import ColumnSketch
from ml.task import Task

Days = Mapping[date, Table]
INCIDENTS = "incidents"  # the check that data incidents fail


@dataclass(frozen=True)
class Check:
    """One verdict of a day. ERROR leads to training, WARN is shown only.

    sums: what the worst columns add up to, those that drive the alarm first; a loss has none.
    """

    name: str
    passed: bool
    severity: Literal["ERROR", "WARN"]
    statistic: float
    threshold: float
    reason: str
    since: date | None = None  # first day of what the alarm is about
    sums: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What is known at the end of a day of the days that a champion answers for.

    features: of every healthy day. live: predictions since it is live. labels: of matured days.
    unlabelled: predictions of live days that have not matured. losses: oldest first.
    """

    features: Days
    live: Days
    labels: Days
    unlabelled: Days
    losses: Sequence[DayLoss]


def checks(
    task: Task,
    known: Known,
    seen: Seen,
    findings: Sequence[Finding],
    accepted: Sequence[Accepted] = (),
) -> tuple[Check, ...]:
    """Ask every alarm, and say whether the data are broken.

    accepted: what would be a finding of the window, had not a person said that the world is so.
    """
    after = {day: t for day, t in seen.features.items() if t and day > known.features.last}
    labels = {day: table for day, table in seen.labels.items() if day > known.features.last}
    label = replace(feature_alarm.check(known.label, labels), calibrated=False)
    return (
        _check("features", feature_alarm.check(known.features, after)),
        _check("prediction", feature_alarm.check(known.prediction, seen.live)),
        _check("label", label),
        _check("performance", performance(seen.losses, LossAlarmPolicy(), known.judged)),
        _check(
            "estimated_performance", estimated.check(task, known.expected_loss, seen.unlabelled)
        ),
        _incident_check(findings, accepted),
    )


def broken(known: Known, days: Days) -> dict[date, list[Finding]]:
    """Return what is wrong with days that are seen alone."""
    found = {}
    for day, table in days.items():
        findings = day_incidents(
            reference_of(known, table),
            extremes_of(known),
            table,
            one_value_a_day=known.features.time_columns,
            limits=known.features.limits(day),
        )
        if findings:
            found[day] = [replace(f, reason=f"{day}: {f.reason}", day=day) for f in findings]
    return found


def sound(task: Task, days: Days, broken: Mapping[date, Sequence[Finding]]) -> dict[date, Table]:
    """Return what of the days may be compared: odd predictions leave the features what they are."""
    predicted = set(task.columns)
    kept: dict[date, Table] = {}
    for day, table in days.items():
        columns = {finding.column for finding in broken.get(day, ())}
        if not columns:
            kept[day] = dict(table)
        elif columns <= predicted:
            kept[day] = {name: sketch for name, sketch in table.items() if name not in predicted}
    return kept


def broken_together(known: Known, days: Days, told: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what only days together show, beside what was `told` already."""
    before = {(finding.name, finding.column) for finding in told}
    merged = merge_tables(days.values())
    findings = incidents(
        reference_of(known, merged),
        merged,
        usual=extremes_of(known),
        reference_days=known.features.days,
        current_days=len(days),
        one_value_a_day=known.features.time_columns,
        limits=known.features.limits(max(days)),
    )
    return tuple(f for f in findings if (f.name, f.column) not in before)


def reference_of(known: Known, table: Table) -> dict[str, ColumnSketch]:
    """Return what a table is compared with; a day may well have no predictions yet."""
    predicted = known.prediction.reference
    return {**known.features.reference, **{n: s for n, s in predicted.items() if n in table}}


def predictions_of(task: Task, table: Table) -> dict[str, ColumnSketch]:
    """Return the sketches of a day's predictions, none where it has not been scored."""
    return {name: table[name] for name in task.columns if name in table}


def extremes_of(known: Known) -> Extremes:
    """Return the smallest and largest day of the reference, predictions included."""
    sizes = {**known.features.extremes.sizes, **known.prediction.extremes.sizes}
    return Extremes(known.features.extremes.rows, sizes)


def _check(name: str, state: AlarmState) -> Check:
    severity = state.severity or ("ERROR" if state.calibrated else "WARN")
    values = (state.statistic, state.threshold, state.reason, state.since, state.sums)
    return Check(name, not state.raised, severity, *values)


def _incident_check(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> Check:
    wrong = [f.reason for f in findings] or ["no data incident"]
    reason = "; ".join([*wrong, *map(str, accepted)])
    return Check(INCIDENTS, not findings, "WARN", float(len(findings)), 0.0, reason)
