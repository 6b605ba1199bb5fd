"""What the ledger knows about deliveries; every query reads a bounded number of rows."""

import json
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import duckdb

from ingestion.audit import RECENT_DAYS, Recent
from ingestion.profile import Profile
from resources.lake import Lake

NEWEST = "row_number() over (partition by day order by written_at desc) = 1"
WARNED = "table_name = ? and status = 'published' and warnings <> '[]'"


def deliveries_of(lake: Lake, table: str, days: Collection[date]) -> list[dict[str, Any]]:
    """Return every delivery of `days`, oldest first."""
    return lake.rows(
        """select * from ledger.deliveries where table_name = ? and day in (select unnest(?))
        order by day, written_at""",
        [table, list(days)],
    )


def current_deliveries(
    connection: duckdb.DuckDBPyConnection, table: str, days: Collection[date]
) -> list[dict[str, Any]]:
    """Return the newest delivery of each of `days`, held ones included, by day."""
    found = connection.execute(
        f"""select * from ledger.deliveries where table_name = ? and day in (select unnest(?))
        qualify {NEWEST} order by day""",
        [table, list(days)],
    )
    return found.to_arrow_table().to_pylist()


def newest_deliveries(
    lake: Lake, table: str, days: Collection[date] | None
) -> list[dict[str, Any]]:
    """Return the newest delivery of each of `days`, or of all, by day."""
    return lake.rows(
        f"""select * from ledger.deliveries where table_name = $table
        and ($days is null or day in (select unnest($days::date[])))
        qualify {NEWEST} order by day""",
        {"table": table, "days": None if days is None else list(days)},
    )


def held_deliveries(lake: Lake, table: str) -> dict[date, str]:
    """Return the days whose newest delivery waits for a person, and why."""
    found = lake.rows(
        f"""select day, reason from ledger.deliveries where table_name = ?
        qualify {NEWEST} and status = 'held' order by day""",
        [table],
    )
    return {row["day"]: row["reason"] for row in found}


def warned_deliveries(lake: Lake, table: str, days: Collection[date]) -> dict[date, str]:
    """Return what was unusual about the published deliveries of `days`, though they count."""
    return _warnings(
        lake.rows(
            f"""select day, warnings from ledger.deliveries
            where {WARNED} and day in (select unnest(?)) order by day""",
            [table, list(days)],
        )
    )


def newest_warnings(lake: Lake, table: str, most: int) -> dict[date, str]:
    """Return the same of the newest days that have a warning, newest first."""
    query = f"""select day, warnings from ledger.deliveries
    where {WARNED} order by day desc limit ?"""
    return _warnings(lake.rows(query, [table, most]))


def _warnings(rows: list[dict[str, Any]]) -> dict[date, str]:
    return {row["day"]: "; ".join(json.loads(row["warnings"])) for row in rows}


def same_files(lake: Lake, table: str, hashes: Collection[str]) -> list[tuple[date, str]]:
    """Return day and file hash of the days whose newest delivery has one of these files."""
    found = lake.rows(
        f"""select day, file_hash from ledger.deliveries where table_name = $table and day in (
            select day from ledger.deliveries
            where table_name = $table and file_hash in (select unnest($hashes))
        )
        qualify {NEWEST} and file_hash in (select unnest($hashes)) and rows_read > 0
        order by day""",
        {"table": table, "hashes": list(hashes)},
    )
    return [(row["day"], row["file_hash"]) for row in found]


def recent_days(lake: Lake, table: str, first: date, last: date) -> list[Recent]:
    """Return the published days that deliveries from `first` to `last` are compared with.

    Those are the days between, and the 28 before that have rows, with empty ones among them. A
    published delivery with a reason was held once: a person has released it.
    """
    found = lake.rows(
        """with published as (
            select day, rows_accepted, profile, reason from ledger.deliveries
            where table_name = $table and status = 'published' and day <= $last
        ),
        filled as (
            select day from published where rows_accepted > 0 and day < $first
            order by day desc limit $most
        )
        select * from published where day >= coalesce((select min(day) from filled), $first)
        order by day""",
        {"table": table, "first": first, "last": last, "most": RECENT_DAYS},
    )
    return [Recent(row["day"], profile_of(row), row["reason"] is not None) for row in found]


def is_unread(row: Mapping[str, Any]) -> bool:
    """Return whether a file is held of which no row was taken in: another look may take it in."""
    return row["status"] == "held" and bool(row["file"]) and not row["rows_read"]


def profile_of(row: dict[str, Any]) -> Profile:
    """Return a delivery's profile; one of an older version of the platform has its rows only."""
    text = row["profile"]
    return Profile.model_validate_json(text) if text else Profile(rows=row["rows_accepted"])
