"""The circuit breaker: data that is broken, not drifted. Nothing is trained on such a day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ml.distance import unseen_share
from ml.sketch import ColumnSketch


@dataclass(frozen=True)
class IncidentLimits:
    """From where on a change is a fault of the data rather than of the world."""

    null_jump: float = 0.2  # share of rows, above the reference's null share
    unseen_share: float = 0.05  # share of values in categories the reference never had
    rows_factor: float = 5.0  # rows per day, times or divided by
    chance: float = 1e-6  # of a column being constant although nothing changed


@dataclass(frozen=True)
class Finding:
    """One broken thing: `value` crossed `limit`; `column` is None for the table as a whole."""

    name: str
    column: str | None
    reason: str
    value: float
    limit: float


def incidents(
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    *,
    reference_days: int,
    current_days: int,
    one_value_a_day: Collection[str] = (),
    limits: IncidentLimits | None = None,
) -> tuple[Finding, ...]:
    """Everything that is broken in `current`, table first, then by column name.

    The day counts turn rows of the two spans into rows per day; raises ValueError where one is < 1.
    Columns named in `one_value_a_day` (a calendar, a shop-wide total) may well be constant.
    """
    if min(reference_days, current_days) < 1:
        raise ValueError(
            f"reference_days is {reference_days}, current_days is {current_days}: "
            "pass the number of days each side covers, at least 1"
        )
    allowed = limits or IncidentLimits()
    found = _rows(_n(reference) / reference_days, _n(current) / current_days, allowed)
    for name in sorted(reference):
        if name not in current:
            found.append(Finding("missing column", name, f"column {name} is gone", 1, 0))
        elif current[name].n and reference[name].valid:
            column = _column(name, reference[name], current[name], allowed)
            found += [f for f in column if f.name != "constant" or name not in one_value_a_day]
    return tuple(found)


def _n(sketches: Mapping[str, ColumnSketch]) -> int:
    return max((column.n for column in sketches.values()), default=0)


def _rows(before: float, now: float, limits: IncidentLimits) -> list[Finding]:
    factor = limits.rows_factor
    if before / factor <= now <= before * factor and (now or not before):
        return []
    reason = f"{now:.0f} rows a day, the reference has {before:.0f}"
    return [
        Finding(
            "row count", None, reason, now, before / factor if now < before else before * factor
        )
    ]


def _column(
    name: str, before: ColumnSketch, now: ColumnSketch, limits: IncidentLimits
) -> list[Finding]:
    if now.nulls == now.n:
        return [Finding("all null", name, f"{name} has no value in {now.n} rows", 1, 0)]
    if not now.valid or before.kind != now.kind:
        reason = f"{name} held {before.kind} values, now {now.kind}, {now.valid} of {now.n} usable"
        return [Finding("changed type", name, reason, 1, 0)]
    found = []
    stuck = now.only_value is not None and before.only_value is None
    if stuck and _chance_of_constant(before, now) < limits.chance:
        found.append(Finding("constant", name, f"all {now.valid} values of {name} are equal", 1, 0))
    jump = now.null_share - before.null_share
    if jump > limits.null_jump:
        reason = f"{name} is null in {now.null_share:.0%} of rows, was {before.null_share:.0%}"
        found.append(Finding("null share", name, reason, jump, limits.null_jump))
    if now.infinite and not before.infinite:
        reason = f"{name} has {now.infinite} infinite values, had none"
        found.append(Finding("infinite", name, reason, now.infinite, 0))
    unseen = unseen_share(before, now)
    if unseen > limits.unseen_share:
        reason = f"{unseen:.0%} of {name} is in categories the reference never had"
        found.append(Finding("unseen categories", name, reason, unseen, limits.unseen_share))
    return found


def _chance_of_constant(before: ColumnSketch, now: ColumnSketch) -> float:
    if before.kind == "category":
        counted = dict(zip(before.levels, before.counts, strict=True))
        share = counted.get(now.levels[0], 0) / before.valid
    else:
        share = float(np.mean(np.asarray(before.points) == now.only_value))
    return share**now.valid
