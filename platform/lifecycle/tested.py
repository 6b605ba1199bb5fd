"""Which partitions a model may use: those that have passed the error tests of their dbt model.

dbt writes the statuses itself (macro `judge_partitions`): `built`, then `passed` or `failed`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from assets.partitions import days_between
from declaration import MlModel
from ml.incident import Finding
from resources.lake import Lake

MADE_BY = 8  # digits of a checksum that a message shows


def unfit_days(
    lake: Lake, model: MlModel, days: Sequence[date], snapshot: int | None = None
) -> dict[date, str]:
    """Return the days whose features or labels were built and have not passed, and why."""
    return untested(lake, (model.features.table, model.label.table), days, snapshot)


def untested(
    lake: Lake,
    tables: Sequence[str],
    days: Sequence[date] | None = None,
    snapshot: int | None = None,
) -> dict[date, str]:
    """Return the days of `tables` that were built and have not passed, and why, ascending.

    days: of which; any where they are left out.
    """
    among = "" if days is None else "and day in (select unnest($days))"
    rows = lake.read(
        f"""select table_name, day, status, failures from ledger.partitions
        where table_name in (select unnest($tables)) {among}
            and status is distinct from 'passed'
        order by day, table_name""",
        {"tables": list(tables), **({} if days is None else {"days": list(days)})},
        snapshot,
    )
    found: dict[date, list[str]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["day"], []).append(_why(row))
    return {day: "; ".join(reasons) for day, reasons in found.items()}


def checksums_of(
    lake: Lake, table: str, days: Sequence[date], snapshot: int | None = None
) -> dict[date, str]:
    """Return the checksum of the dbt models that made each of the `days` that have passed."""
    rows = lake.read(
        """select day, checksum from ledger.partitions
        where table_name = ? and status = 'passed' and day in (select unnest(?)) order by day""",
        [table, list(days)],
        snapshot,
    )
    return {row["day"]: row["checksum"] for row in rows.to_pylist()}


def newest_made(checksums: Mapping[date, str]) -> list[date]:
    """Return the days, ascending, that the dbt models of the newest day have made."""
    if not checksums:
        return []
    newest = checksums[max(checksums)]
    return sorted(day for day, checksum in checksums.items() if checksum == newest)


def failed_findings(lake: Lake, model: MlModel, as_of: date) -> tuple[Finding, ...]:
    """Return an incident for every day of the drift window whose features have not passed."""
    return tuple(failed_days(lake, model, window(model, as_of)).values())


def failed_days(lake: Lake, model: MlModel, days: Sequence[date]) -> dict[date, Finding]:
    """Return the incident of each of the `days` whose features have not passed.

    Labels that have not passed are none: no model uses such a day, its features are what they are.
    """
    return {
        day: Finding("failed features", None, f"{day}: {reason}", 1.0, 0.0)
        for day, reason in untested(lake, [model.features.table], days).items()
    }


def window(model: MlModel, as_of: date) -> list[date]:
    """Return the days of the drift window that ends on `as_of`."""
    return days_between(as_of - timedelta(days=model.drift.window_days - 1), as_of)


def without(days: Sequence[date], left_out: Collection[date]) -> list[date]:
    """Return `days` but for those that are left out."""
    return [day for day in days if day not in left_out]


def made_by(checksums: Mapping[date, str]) -> str:
    """Return which days were made by which code, e.g. `2024-05-01..2024-05-06 by 1f0c9a3e`."""
    days: dict[str, list[date]] = {}
    for day, checksum in sorted(checksums.items()):
        days.setdefault(checksum, []).append(day)
    return "; ".join(f"{d[0]}..{d[-1]} by {checksum[:MADE_BY]}" for checksum, d in days.items())


def _why(row: Mapping[str, Any]) -> str:
    if row["status"] != "failed":
        return f"{row['table_name']} was built and not tested"
    tests = ", ".join(f"{name} ({n} rows)" for name, n in json.loads(row["failures"]).items())
    return f"{row['table_name']} failed {tests}"
