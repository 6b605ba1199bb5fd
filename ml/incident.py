"""The circuit breaker: data that is broken, not drifted. Nothing is trained on such a day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

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
    unit_factor: float = 5.0  # typical size of a column, beyond that of any day of the reference
    outside_share: float = 0.05  # of values that lie outside of the reference by `beyond`
    beyond: float = 1.0  # times the reference's whole width
    day_rows_factor: float = 2.0  # rows of one day, beyond those of any day of the reference

    def aged(self, spans: float) -> "IncidentLimits":
        """Return the limits for a day `spans` times the reference's length after its end.

        A shop grows, and what counts from a first day on grows with it (a customer's tenure): the
        older a reference is, the less it says of what is normal.
        """
        return replace(
            self,
            rows_factor=self.rows_factor + spans,
            unit_factor=self.unit_factor + spans,
            beyond=self.beyond + spans,
            day_rows_factor=self.day_rows_factor + spans,
        )


@dataclass(frozen=True)
class Finding:
    """One broken thing: `value` crossed `limit`; `column` is None for the table as a whole.

    day: on which it was found alone, None for what several days show only together.
    """

    name: str
    column: str | None
    reason: str
    value: float
    limit: float
    day: date | None = None


MOVES = ("constant", "unit change", "out of range")  # what a calendar does every day
ENOUGH_ROWS = 100  # for a day to be judged alone
ENOUGH_SIZES = 30  # values other than 0, for a typical size


@dataclass(frozen=True)
class Extremes:
    """The smallest and largest that any day of the reference had."""

    rows: tuple[int, int]
    sizes: dict[str, tuple[float, float]]  # by column: the median of |value| where it is not 0


def extremes(days: Collection[Mapping[str, ColumnSketch]]) -> Extremes:
    """What is normal for a single day; raises ValueError where there is no day."""
    rows = [_n(table) for table in days]
    sizes: dict[str, list[float]] = {}
    for table in days:
        for name, column in table.items():
            size = typical_size(column)
            if size is not None:
                sizes.setdefault(name, []).append(size)
    lowest_and_highest = {name: (min(found), max(found)) for name, found in sizes.items()}
    return Extremes((min(rows), max(rows)), lowest_and_highest)


def typical_size(column: ColumnSketch) -> float | None:
    """Median of |value| where it is not 0: a change of unit multiplies it, zeros do not hide it."""
    sizes = np.abs(np.asarray(column.points))
    sizes = sizes[sizes > 0]
    share = len(sizes) / max(len(column.points), 1)
    return float(np.median(sizes)) if share * column.valid >= ENOUGH_SIZES else None


def day_incidents(
    reference: Mapping[str, ColumnSketch],
    usual: Extremes,
    day: Mapping[str, ColumnSketch],
    *,
    one_value_a_day: Collection[str] = (),
    limits: IncidentLimits | None = None,
) -> tuple[Finding, ...]:
    """Everything that is broken on one day, seen alone; little is said of a day with few rows."""
    allowed = limits or IncidentLimits()
    rows, (fewest, most), factor = _n(day), usual.rows, allowed.day_rows_factor
    if rows * factor < fewest or rows > most * factor:
        limit = fewest / factor if rows < fewest else most * factor
        reason = f"{rows} rows, the reference's days have {fewest} to {most}"
        counted = [Finding("row count", None, reason, rows, limit)]
    else:
        counted = []
    if rows < ENOUGH_ROWS:
        return tuple(counted)
    return (*counted, *_columns(reference, usual, day, one_value_a_day, allowed))


def incidents(
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    *,
    usual: Extremes | None = None,
    reference_days: int,
    current_days: int,
    one_value_a_day: Collection[str] = (),
    limits: IncidentLimits | None = None,
) -> tuple[Finding, ...]:
    """Everything that is broken in `current`, table first, then by column name.

    The day counts turn rows of the two spans into rows per day; raises ValueError where one is < 1.
    Columns named in `one_value_a_day` (a calendar, a shop-wide total) may well be constant. Where
    there are no rows at all only that is said.
    """
    if min(reference_days, current_days) < 1:
        raise ValueError(
            f"reference_days is {reference_days}, current_days is {current_days}: "
            "pass the number of days each side covers, at least 1"
        )
    allowed = limits or IncidentLimits()
    found = _rows(_n(reference) / reference_days, _n(current) / current_days, allowed)
    if not current:
        return tuple(found)
    return (*found, *_columns(reference, usual, current, one_value_a_day, allowed))


def _columns(
    reference: Mapping[str, ColumnSketch],
    usual: Extremes | None,
    current: Mapping[str, ColumnSketch],
    one_value_a_day: Collection[str],
    limits: IncidentLimits,
) -> list[Finding]:
    found = []
    for name in sorted(reference):
        if name not in current:
            found.append(Finding("missing column", name, f"column {name} is gone", 1, 0))
        elif current[name].n and reference[name].valid:
            column = _column(name, reference[name], current[name], limits)
            if usual and name in usual.sizes:
                column += _size(name, usual.sizes[name], current[name], limits)
            column += _outside(name, reference[name], current[name], limits)
            found += [f for f in column if f.name not in MOVES or name not in one_value_a_day]
    return found


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


def _size(
    name: str, usual: tuple[float, float], now: ColumnSketch, limits: IncidentLimits
) -> list[Finding]:
    size, (low, high) = typical_size(now), usual
    if size is None or low / limits.unit_factor <= size <= high * limits.unit_factor:
        return []
    limit = low / limits.unit_factor if size < low else high * limits.unit_factor
    reason = f"{name} is typically {size:.4g}, on the reference's days {low:.4g} to {high:.4g}"
    return [Finding("unit change", name, reason, size, limit)]


def _outside(
    name: str, before: ColumnSketch, now: ColumnSketch, limits: IncidentLimits
) -> list[Finding]:
    if before.low is None or before.high is None or before.low == before.high or not now.points:
        return []
    width = limits.beyond * (before.high - before.low)
    values = np.asarray(now.points)
    share = float(np.mean((values < before.low - width) | (values > before.high + width)))
    if share <= limits.outside_share:
        return []
    reason = f"{share:.0%} of {name} is far outside of {before.low:.4g} to {before.high:.4g}"
    return [Finding("out of range", name, reason, share, limits.outside_share)]


def _chance_of_constant(before: ColumnSketch, now: ColumnSketch) -> float:
    if before.kind == "category":
        counted = dict(zip(before.levels, before.counts, strict=True))
        share = counted.get(now.levels[0], 0) / before.valid
    else:
        share = float(np.mean(np.asarray(before.points) == now.only_value))
    return share**now.valid
