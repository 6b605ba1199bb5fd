"""From which day on a delivery counts: never from one that a feature or a label has seen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb


@dataclass(frozen=True)
class Clock:
    """What decides from when a delivery is known.

    frontier: newest day that the raw table has a delivery of. seen: newest day as of which a
    feature or a label has read raw rows. taken: days that have a delivery already.
    """

    frontier: date | None
    seen: date | None
    taken: Collection[date] = ()

    def known_from(self, day: date) -> date:
        """Return the first day as of which a delivery of `day`, published now, counts.

        What is new counts from its own day on. What changes a day counts from the frontier on, and
        both from the first day that nothing has been computed of: a feature that was built stays
        the same number. A day after the frontier has been waited for by whatever comes next.
        """
        if self.frontier is None or day > self.frontier:
            return day
        unseen = self.seen + timedelta(days=1) if self.seen else day
        if day not in self.taken:  # a gap that is filled, e.g. by a range that is run again
            return max(day, unseen)
        return max(day, self.frontier, unseen)


def read_clock(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    days: Collection[date],
    horizons: Mapping[str, int],
) -> Clock:
    """Return the clock of a raw table, inside the caller's transaction.

    horizons: partitioned table → days after a row's own day that its model reads; others none.
    """
    newest = connection.execute(
        "select max(day) from ledger.deliveries where table_name = ?", [table]
    ).fetchall()
    taken = connection.execute(
        """select distinct day from ledger.deliveries
        where table_name = ? and day in (select unnest(?))""",
        [table, list(days)],
    ).fetchall()
    built = connection.execute(
        "select table_name, max(day) from ledger.partitions group by table_name"
    ).fetchall()
    seen = [day + timedelta(days=horizons.get(name, 0)) for name, day in built]
    return Clock(newest[0][0], max(seen, default=None), {day for (day,) in taken})


def horizons_of(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the days that each dbt model reads after a row's own, by table; 0 is left out."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    meta = {node["name"]: node["config"].get("meta") or {} for node in models}
    return {name: int(m["horizon_days"]) for name, m in meta.items() if m.get("horizon_days")}
