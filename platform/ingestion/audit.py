"""Whether a delivery may be published, must be held for a person, or deserves a warning. Pure.

The limits are calibrated on a real shop of 604 days; docs/data-engineer.md shows what they cost.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ingestion.profile import Profile

RECENT_DAYS = 28  # published days with rows are the yardstick
MIN_RECENT_DAYS = 7  # with fewer there is no yardstick yet, and only the reject rate counts
NEW_NORMAL_DAYS = 2  # so many released days show that a level has changed for good
MEDIAN_FACTOR = 5.0  # a number's median off by more than this, either way, is held
LENGTH_FACTOR = 1.5  # a text's mean length off the range of recent days by more than this is held
DISTINCT_SHIFT = 0.2  # a share of different values so far outside the range of recent days is held
NULLS_RISE = 0.4  # so much above the highest share of recent days is held
BREAKS_FACTOR = 2.0  # values missing here and there, where they used to be missing in blocks
CHANCE_ROWS, CHANCE_BREAKS = 2, 10  # rows of a small delivery that say nothing
FEW_ROWS = 0.7  # a smaller share of the usual rows is a warning
SAME_WEEKDAYS = 2  # from so many on, a weekday has a usual number of rows of its own
EARLY_HOURS = 0.25  # a day that ends so much before, or begins after, every recent one is cut


@dataclass(frozen=True)
class Recent:
    """A published day before the delivery; `released`: a person has published it."""

    day: date
    profile: Profile
    released: bool = False


@dataclass(frozen=True)
class Counts:
    """Lines of a delivery; `records` is what another reader than Spark has counted, if it could."""

    read: int
    accepted: int
    records: int | None = None


def is_short(counts: Counts) -> bool:
    """Return whether Spark saw another number of records than the file has."""
    return counts.records is not None and counts.read != counts.records


def hold_reason(
    counts: Counts, profile: Profile, recent: Sequence[Recent], max_reject_rate: float
) -> str | None:
    """Return why a delivery must be held, or None where it may be published.

    recent: published days before it, oldest first (see `before`).
    """
    if is_short(counts):
        return f"Spark read {counts.read} of the file's {counts.records} rows"
    rejected = (counts.read - counts.accepted) / counts.read if counts.read else 0.0
    if rejected > max_reject_rate:
        return f"reject rate {rejected:.1%} is above max_reject_rate {max_reject_rate:.1%}"
    filled = [day.profile for day in recent if day.profile.rows]
    found = list(_deviations(profile, filled, MIN_RECENT_DAYS))
    released = [day.profile for day in recent if day.released and day.profile.rows]
    is_shown = all(len(_usual(released, *where)) >= NEW_NORMAL_DAYS for where, _ in found)
    if not found or (is_shown and not any(_deviations(profile, released, NEW_NORMAL_DAYS))):
        return None
    (column, _), reason = found[0]
    return f"{column}: {reason}"


def warnings(
    day: date, profile: Profile, recent: Sequence[Recent], replaced: int | None
) -> tuple[str, ...]:
    """Return what a person should know about a delivery that may be published.

    replaced: rows of the day's delivery that this one takes the place of, None for the first.
    """
    found = [_few_rows(day, profile.rows, recent), _cut(profile, recent)]
    if replaced is not None and profile.rows < FEW_ROWS * replaced:
        found.append(f"{profile.rows:,} rows, the delivery that it replaces had {replaced:,}")
    return tuple(warning for warning in found if warning)


def before(days: Sequence[Recent], day: date) -> list[Recent]:
    """Return the yardstick of a day, ascending: the last 28 with rows, and empty ones between."""
    earlier = sorted((known for known in days if known.day < day), key=lambda known: known.day)
    filled = [known.day for known in earlier if known.profile.rows][-RECENT_DAYS:]
    return [known for known in earlier if filled and known.day >= filled[0]]


def _deviations(
    profile: Profile, recent: Sequence[Profile], least: int
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (column, field of its profile) and how it is unlike recent days.

    At least `least` of them must have a value to compare with.
    """
    for name, column in profile.columns.items():
        for field, check in CHECKS.items():
            value, usual = getattr(column, field), _usual(recent, name, field)
            if value is not None and len(usual) >= least:
                reason = check(value, usual, profile.rows)
                if reason:
                    yield (name, field), reason


def _usual(days: Sequence[Profile], name: str, field: str) -> list[float]:
    """Return what the days have of one field of a column; days without a value have none."""
    columns = [day.columns[name] for day in days if name in day.columns]
    return [value for column in columns if (value := getattr(column, field)) is not None]


def _other_median(value: float, usual: Sequence[float], _rows: int) -> str | None:
    middle = statistics.median(usual)
    if not value:  # no factor of anything: off where all days lie on one side of it
        is_off = min(usual) > 0 or max(usual) < 0
    else:
        is_off = bool(middle) and not 1 / MEDIAN_FACTOR <= abs(value / middle) <= MEDIAN_FACTOR
    if not is_off:
        return None
    return (
        f"its median is {value:g}, more than {MEDIAN_FACTOR:g} times off the {middle:g} "
        "of recent days"
    )


def _other_length(value: float, usual: Sequence[float], _rows: int) -> str | None:
    low, high = min(usual), max(usual)
    if low / LENGTH_FACTOR <= value <= high * LENGTH_FACTOR:
        return None
    return f"its values have {value:.1f} characters, those of recent days {low:.1f} to {high:.1f}"


def _other_distinct(value: float, usual: Sequence[float], rows: int) -> str | None:
    low, high = min(usual), max(usual)
    shift = DISTINCT_SHIFT + CHANCE_ROWS / max(rows, 1)
    if low - shift <= value <= high + shift:
        return None
    return f"{value:.0%} of its values are different ones, on recent days {low:.0%} to {high:.0%}"


def _more_nulls(value: float, usual: Sequence[float], rows: int) -> str | None:
    most = max(usual)
    if not rows or value < most + NULLS_RISE + CHANCE_ROWS / rows:
        return None
    return f"{value:.1%} of the rows have no value, on recent days at most {most:.1%}"


def _more_breaks(value: float, usual: Sequence[float], rows: int) -> str | None:
    most = max(usual)
    if not rows or value < BREAKS_FACTOR * most + CHANCE_BREAKS / rows:
        return None
    return (
        f"values are missing here and there ({value:.1%} of the rows differ in that from the row "
        f"before, on recent days at most {most:.1%})"
    )


CHECKS: dict[str, Callable[[float, Sequence[float], int], str | None]] = {
    "median": _other_median,
    "length": _other_length,
    "distinct": _other_distinct,
    "nulls": _more_nulls,
    "breaks": _more_breaks,
}


def _few_rows(day: date, rows: int, recent: Sequence[Recent]) -> str | None:
    """Compare with recent days and with those of the same weekday; both must be larger."""
    filled = [known.profile.rows for known in recent if known.profile.rows]
    same = [known.profile.rows for known in recent if known.day.weekday() == day.weekday()]
    if len(filled) < MIN_RECENT_DAYS:
        return None
    usual = statistics.median(filled)
    if len(same) >= SAME_WEEKDAYS:
        usual = min(usual, statistics.median(same))
    if rows >= FEW_ROWS * usual:
        return None
    return f"{rows:,} rows, recent days and those of this weekday had {usual:,.0f}"


def _cut(profile: Profile, recent: Sequence[Recent]) -> str | None:
    """Compare the hours that a delivery covers with those of recent days."""
    firsts = [known.profile.first for known in recent if known.profile.first is not None]
    lasts = [known.profile.last for known in recent if known.profile.last is not None]
    if profile.first is None or profile.last is None or len(lasts) < MIN_RECENT_DAYS:
        return None
    if profile.last < min(lasts) - EARLY_HOURS:
        return f"ends at {_clock(profile.last)}, no recent day before {_clock(min(lasts))}"
    if profile.first > max(firsts) + EARLY_HOURS:
        return f"begins at {_clock(profile.first)}, no recent day after {_clock(max(firsts))}"
    return None


def _clock(hours: float) -> str:
    return f"{int(hours):02d}:{int(hours * 60) % 60:02d}"
