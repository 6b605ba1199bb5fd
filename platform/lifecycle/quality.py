"""Held deliveries and what they make unreliable: such days neither train nor judge a model."""

from dataclasses import dataclass
from datetime import date, timedelta

from declaration import MlModel
from lifecycle.broken import broken_days
from ml.incident import Finding
from resources.lake import Lake


@dataclass(frozen=True)
class HeldDay:
    """A day whose delivery was held; its rows are `known` from a day on, or not yet (None)."""

    day: date
    reason: str
    known: date | None

    def is_missing(self, as_of: date) -> bool:
        """Return whether what was computed as of a day lacks this day's rows."""
        return self.day <= as_of and (self.known is None or as_of < self.known)


def held_days(lake: Lake, snapshot: int | None = None) -> list[HeldDay]:
    """Return every day that had a held delivery and lacked its rows for some time, ascending.

    A repaired file and a release count from a later day on, so the days before stay without them.
    A day whose earlier delivery was in force all the time lacks nothing.
    """
    rows = lake.read(
        """select day, table_name || ': ' || min(reason) as reason,
            min(known_from) filter (status <> 'held') as known
        from ledger.deliveries group by table_name, day
        having bool_or(reason is not null) and (known is null or known > day)
        order by day, table_name""",
        snapshot=snapshot,
    )
    return [HeldDay(row["day"], row["reason"], row["known"]) for row in rows.to_pylist()]


def blocked_days(lake: Lake, model: MlModel, snapshot: int | None = None) -> set[date]:
    """Return the as_of days that no model may use.

    Their own rows or their label's window a held day has emptied, or the watch has found them
    broken.
    """
    horizon = model.label.horizon_days
    blocked = broken_days(lake, model, snapshot)
    for held in held_days(lake, snapshot):
        for n in range(horizon + 1):
            as_of = held.day - timedelta(days=n)
            own = n == 0 and held.is_missing(as_of)
            if own or held.is_missing(as_of + timedelta(days=horizon)):
                blocked.add(as_of)
    return blocked


def held_findings(lake: Lake, as_of: date, window_days: int) -> tuple[Finding, ...]:
    """Return an incident for every day, of the window up to `as_of`, that was missing then."""
    first = as_of - timedelta(days=window_days - 1)
    return tuple(
        Finding("held delivery", None, f"{held.day} is held: {held.reason}", 1.0, 0.0)
        for held in held_days(lake)
        if first <= held.day and held.is_missing(as_of)
    )
