"""Take rejected days in again after their contract has changed, as runs that the UI shows."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dagster import AssetKey, DagsterInstance

from alerting.outbox import telling
from declaration import RawTable
from ingestion.deliveries import is_unread, newest_deliveries
from ingestion.landing import delivery_id, replayed
from ingestion.parents import outdated
from launch import fail_orphans, held_lock, launch
from plan import over
from resources.lake import Lake
from resources.settings import settings


@dataclass(frozen=True)
class Replayed:
    """A day before and after: status and rows of its newest delivery, and why it is held."""

    day: date
    before: tuple[str, int, int]
    after: tuple[str, int, int]
    reason: str | None


def waiting(lake: Lake, table: RawTable, days: Collection[date] | None) -> tuple[int, list[date]]:
    """Return how many days have rejected rows or a held file, and those that may turn out anew.

    Those are the ones of another contract, held files of which nothing could be read, and rows
    that `relationships` rejected before a parent's newest delivery was published.
    """
    found = [
        row
        for row in newest_deliveries(lake, table.name, days)
        if row["rows_quarantined"] or (row["status"] == "held" and row["file"])
    ]
    again = outdated(lake, table, days)
    changed = [
        row["day"]
        for row in found
        if is_unread(row) or row["day"] in again or _is_of_another_contract(row, table)
    ]
    return len(found), changed


def _is_of_another_contract(row: Mapping[str, Any], table: RawTable) -> bool:
    contract = replayed(table.checksum, row["replays"])
    return delivery_id(row["file_hash"], contract) != row["delivery"]


def replay(
    lake: Lake, table: RawTable, days: Sequence[date], tell: Callable[[str], None]
) -> list[Replayed]:
    """Run the job `ingest` over `days` (ascending) and return what has changed.

    Raises SetupError where another command works in this home, RunFailedError where a run fails.
    """
    from definitions import build

    loaded = settings()
    definitions, instance = build(loaded), DagsterInstance.get()
    before = {row["day"]: row for row in newest_deliveries(lake, table.name, days)}
    with held_lock(loaded.home), telling(lake, loaded):
        fail_orphans(instance, loaded.home)
        for first, last in spans(days):
            tell(f"ingest {first}..{last}")
            selection = [AssetKey(["raw", table.name])]
            request = over("ingest", first, last).with_replaced_attrs(asset_selection=selection)
            launch(definitions, instance, request)
    return [
        Replayed(row["day"], _state(before[row["day"]]), _state(row), row["reason"])
        for row in newest_deliveries(lake, table.name, days)
    ]


def spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Return first and last of every stretch of consecutive days."""
    first = last = None
    for day in days:
        if first is None or last is None or day - last > timedelta(days=1):
            if first and last:
                yield first, last
            first = day
        last = day
    if first and last:
        yield first, last


def _state(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["status"], row["rows_accepted"], row["rows_quarantined"]
