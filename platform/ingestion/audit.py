"""Whether a delivery may be published, or must be held for a person to look at. Pure."""

import statistics
from collections.abc import Mapping, Sequence

RECENT_DAYS = 28  # medians of this many published days are the yardstick
MIN_RECENT_DAYS = 7  # with fewer there is no yardstick yet, and only the reject rate counts
FACTOR = 5.0  # a median off by more than this, either way, is held


def hold_reason(
    read: int,
    accepted: int,
    medians: Mapping[str, float | None],
    recent: Sequence[Mapping[str, float | None]],
    max_reject_rate: float,
) -> str | None:
    """Return why a delivery must be held, or None where it may be published.

    medians: column → median of the delivery's accepted rows; recent: the same of published days
    before it, newest last.
    """
    rejected = (read - accepted) / read if read else 0.0
    if rejected > max_reject_rate:
        return f"reject rate {rejected:.1%} is above max_reject_rate {max_reject_rate:.1%}"
    for column, median in medians.items():
        usual = _usual(column, recent)
        if median and usual and not 1 / FACTOR <= abs(median / usual) <= FACTOR:
            return (
                f"median of {column} is {median:g}, more than {FACTOR:g} times off the {usual:g} "
                f"of recent days"
            )
    return None


def _usual(column: str, recent: Sequence[Mapping[str, float | None]]) -> float | None:
    values = [found for day in recent[-RECENT_DAYS:] if (found := day.get(column))]
    return statistics.median(values) if len(values) >= MIN_RECENT_DAYS else None
