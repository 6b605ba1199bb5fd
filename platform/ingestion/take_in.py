"""Take landing files in: find, read and check, audit, publish. A range of days is one pass."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from declaration import RawTable
from ingestion.audit import hold_reason
from ingestion.landing import Landed, land
from ingestion.publish import Delivery, publish
from resources.lake import Lake


@dataclass(frozen=True)
class Intake:
    """What one pass over a range of days did; counts are lines of files."""

    deliveries: tuple[Delivery, ...]
    unchanged: int

    @property
    def held(self) -> tuple[Delivery, ...]:
        """Deliveries that downstream will not see until they are released."""
        return tuple(delivery for delivery in self.deliveries if delivery.held)


def take_in(
    lake: Lake,
    session: Callable[[], SparkSession],
    table: RawTable,
    days: Sequence[date],
    landing: str,
    key: bytes,
) -> Intake:
    """Bring `days` (ascending) of a raw table up to what lies in the landing folder.

    A file whose content is the day's current delivery costs a hash and nothing else. Spark starts
    only where a file has to be read.
    """
    history = _history(lake, table)
    landed = [land(table, landing, day) for day in days]
    changed = [file for file in landed if _current(history, file.day) != file.delivery]
    if not changed:
        return Intake((), unchanged=len(landed))
    known = {(row["day"], row["delivery"]): row for row in history if row["file"]}
    fresh = [f for f in changed if f.file and not f.problem and (f.day, f.delivery) not in known]
    folder = f"{lake.data.rstrip('/')}/raw/{table.name}/{uuid.uuid4().hex}" if fresh else None
    statistics = _read(session(), table, fresh, key, folder) if folder else {}
    deliveries = _audited(table, changed, statistics, history, known)
    lake.transact(lambda connection: publish(connection, table, deliveries, folder))
    return Intake(tuple(deliveries), unchanged=len(landed) - len(changed))


def _history(lake: Lake, table: RawTable) -> list[dict]:
    query = "select * from ledger.deliveries where table_name = ? order by day, written_at"
    return lake.rows(query, [table.name])


def _current(history: Sequence[dict], day: date) -> str | None:
    of_day = [row["delivery"] for row in history if row["day"] == day]
    return of_day[-1] if of_day else None


def _read(
    spark: SparkSession, table: RawTable, files: Sequence[Landed], key: bytes, folder: str
) -> dict[str, dict]:
    from ingestion.reading import day_statistics, read_rows, write_rows

    rows = read_rows(spark, table, files, key).persist()
    try:
        statistics = day_statistics(rows, table)
        write_rows(rows, table, folder)
    finally:
        rows.unpersist()
    return statistics


def _audited(
    table: RawTable,
    changed: Sequence[Landed],
    statistics: dict[str, dict],
    history: Sequence[dict],
    known: dict[tuple[date, str], dict],
) -> list[Delivery]:
    frontier = max((row["day"] for row in history), default=date.min)
    published = [row for row in history if row["status"] == "published"]
    recent = [(row["day"], json.loads(row["medians"])) for row in published]
    deliveries = []
    for file in changed:
        read, accepted, medians = _counts(table, file, statistics, known)
        before = [found for day, found in recent if day < file.day]
        reason = (
            file.problem
            or _withdrawn(file, published)
            or hold_reason(read, accepted, medians, before, table.ingest.max_reject_rate)
        )
        deliveries.append(Delivery(file, read, accepted, medians, reason, max(file.day, frontier)))
        if not reason:
            recent.append((file.day, medians))
    return deliveries


def _withdrawn(file: Landed, published: Sequence[dict]) -> str | None:
    """Return why a day that has lost its file is held: its rows stay until a person decides."""
    rows = [row["rows_accepted"] for row in published if row["day"] == file.day]
    if file.file or not sum(rows):
        return None
    return f"the file is gone, {rows[-1]} rows of it are published"


def _counts(
    table: RawTable,
    file: Landed,
    statistics: dict[str, dict],
    known: dict[tuple[date, str], dict],
) -> tuple[int, int, dict[str, float | None]]:
    row = known.get((file.day, file.delivery))
    if row:
        return row["rows_read"], row["rows_accepted"], json.loads(row["medians"])
    found = statistics.get(file.day.isoformat(), {})
    medians = {column.name: found.get(column.name) for column in table.columns if column.is_number}
    return found.get("_read", 0), found.get("_accepted", 0), medians
