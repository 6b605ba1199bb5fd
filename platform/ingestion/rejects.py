"""Rejected rows as a person wants to see them: counts by reason and day, and samples."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from ingestion.deliveries import NEWEST
from resources.lake import Lake, quoted

SAMPLES = 5  # rows of a reason


@dataclass(frozen=True)
class Rejects:
    """Rejected rows of newest deliveries; personal values in them are hashed.

    by_reason: reason, rows, days. by_day: day, status of the delivery, reason, rows. samples:
    reason, day, line, file, fields (JSON, or the hash of a line that could not be split).
    """

    by_reason: list[dict[str, Any]]
    by_day: list[dict[str, Any]]
    samples: list[dict[str, Any]]


def rejects(lake: Lake, table: str, days: Collection[date] | None = None) -> Rejects:
    """Return the rejected rows of a raw table, of `days` or of all.

    A row with several reasons is counted under each.
    """
    given = {"table": table, "days": None if days is None else list(days)}
    return Rejects(
        lake.rows(
            _reasons(table) + " select reason, count(*) as rows, count(distinct day) as days"
            " from reasons group by reason order by rows desc, reason",
            given,
        ),
        lake.rows(
            _reasons(table) + " select day, status, reason, count(*) as rows from reasons"
            " group by all order by day, rows desc, reason",
            given,
        ),
        lake.rows(
            _reasons(table) + " select reason, day, line, file, fields from reasons"
            f" qualify row_number() over (partition by reason order by day, line) <= {SAMPLES}"
            " order by reason, day, line",
            given,
        ),
    )


def _reasons(table: str) -> str:
    """Return the query of rejected rows, one for each reason."""
    return f"""with newest as (
        select day, delivery, status from ledger.deliveries
        where table_name = $table and ($days is null or day in (select unnest($days::date[])))
        qualify {NEWEST}
    ),
    reasons as (
        select unnest(bad._reasons) as reason, newest.day, newest.status, bad._line as line,
            bad._file as file, coalesce(bad._fields, bad._line_hash) as fields
        from {quoted("quarantine", table)} as bad
        join newest on bad._day = newest.day and bad._delivery = newest.delivery
        where $days is null or bad._day in (select unnest($days::date[]))
    )"""
