"""Held deliveries and what they make unreliable: such days neither train nor judge a model."""

from datetime import date, timedelta

from declaration import MlModel
from ml.incident import Finding
from resources.lake import Lake


def held_days(lake: Lake, snapshot: int | None = None) -> dict[date, str]:
    """Return the days that have a held delivery and no published one, and why."""
    rows = lake.read(
        """select day, min(table_name || ': ' || reason) as reason from ledger.deliveries
        group by table_name, day
        having bool_or(status = 'held') and not bool_or(status = 'published')
        order by day""",
        snapshot=snapshot,
    )
    return {row["day"]: row["reason"] for row in rows.to_pylist()}


def blocked_days(lake: Lake, model: MlModel, snapshot: int | None = None) -> set[date]:
    """Return the as_of days whose own rows or whose label's window a held day has emptied."""
    horizon = range(model.label.horizon_days + 1)
    return {held - timedelta(days=n) for held in held_days(lake, snapshot) for n in horizon}


def held_findings(lake: Lake, as_of: date, window_days: int) -> tuple[Finding, ...]:
    """Return an incident for every held day of the window that ends on `as_of`."""
    first = as_of - timedelta(days=window_days - 1)
    return tuple(
        Finding("held delivery", None, f"{day} is held: {reason}", 1.0, 0.0)
        for day, reason in held_days(lake).items()
        if first <= day <= as_of
    )
