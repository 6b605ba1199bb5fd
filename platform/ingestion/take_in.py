"""Take landing files in: find, read and check, audit, publish. A quarter of a year is one pass."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
from pyspark.sql import SparkSession

from commit_points import reached
from declaration import RawTable
from errors import DeliveryError
from ingestion.audit import Counts, Recent, before, hold_reason, is_short, warnings
from ingestion.deliveries import deliveries_of, is_unread, profile_of, recent_days, same_files
from ingestion.key import keep_key, require_key
from ingestion.landing import Landed, land, replayed
from ingestion.parents import outdated, parent_keys
from ingestion.profile import Profile
from ingestion.publish import Delivery, keep_times, publish, remove_day
from ingestion.staging import staging_folder
from resources.lake import Lake

FILES = 92  # of a pass: Spark keeps some MB of heap for each that it has read; 366 were too many
NO_HORIZONS: Mapping[str, int] = MappingProxyType({})
Found = dict[date, tuple[Counts, Profile]]
UNREAD = (Counts(0, 0), Profile())


@dataclass(frozen=True)
class Intake:
    """What taking days in did; counts are lines of files."""

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
    staging: Path,
    horizons: Mapping[str, int] = NO_HORIZONS,
) -> Intake:
    """Bring `days` (ascending) of a raw table up to what lies in the landing folder.

    A file whose content is the day's current delivery costs a hash and nothing else; only one that
    is held because nothing of it could be read is looked at again, and one with rows that lacked
    their parents once a parent has changed. Spark starts only where a file
    has to be read. staging: folder of private copies, which are gone afterwards.
    horizons: see `ingestion.clock.read_clock`.

    Raises DeliveryError for days that could not be taken in, after all others have been, and
    SetupError, before anything, where the lake's rows were made with another key.
    """
    require_key(lake, key)
    deliveries: list[Delivery] = []
    unchanged, failed = 0, []
    for n in range(0, len(days), FILES):
        some = days[n : n + FILES]
        try:
            passed, errors = _pass(lake, session, table, some, landing, key, staging, horizons)
        except DeliveryError as error:
            failed.append(error)
            continue
        deliveries += passed.deliveries
        unchanged += passed.unchanged
        failed += errors
    if failed:
        raise DeliveryError("\n".join(map(str, failed)))
    return Intake(tuple(deliveries), unchanged)


def _pass(
    lake: Lake,
    session: Callable[[], SparkSession],
    table: RawTable,
    days: Sequence[date],
    landing: str,
    key: bytes,
    staging: Path,
    horizons: Mapping[str, int],
) -> tuple[Intake, list[DeliveryError]]:
    """Take days in by one commit; returns the errors of those that could not be."""
    history = deliveries_of(lake, table.name, days)
    newest = {row["day"]: row for row in history}
    replays = {day: row["replays"] for day, row in newest.items()} | outdated(lake, table, days)
    settled = {day: row["delivery"] for day, row in newest.items() if not is_unread(row)}
    with staging_folder(staging) as copies:
        landed, failed = _land(table, landing, days, copies, settled, replays, lake.threads)
        changed = [file for file in landed if settled.get(file.day) != file.delivery]
        deliveries = _deliver(lake, session, table, changed, history, key, horizons)
    _remember_times(lake, table.name, [f for f in landed if f not in changed], newest)
    return Intake(deliveries, len(landed) - len(deliveries)), failed


def _deliver(
    lake: Lake,
    session: Callable[[], SparkSession],
    table: RawTable,
    changed: Sequence[Landed],
    history: Sequence[dict[str, Any]],
    key: bytes,
    horizons: Mapping[str, int],
) -> tuple[Delivery, ...]:
    """Read, audit and publish changed files; those that were delivered before are not read."""
    if not changed:
        return ()
    found = {row["day"]: (counts_of(row), profile_of(row)) for row in _known(history, changed)}
    fresh = [f for f in changed if f.file and not f.problem and f.day not in found]
    folder = f"{lake.data.rstrip('/')}/raw/{table.name}/{uuid.uuid4().hex}" if fresh else None
    found |= _read(lake, session(), table, fresh, key, folder) if folder else {}
    reached("rows-written")
    newest = {row["day"]: row for row in history}
    deliveries = [
        delivery
        for delivery in _audited(lake, table, changed, found, history)
        if not _is_known(delivery, newest.get(delivery.day))
    ]

    def make_known(connection: duckdb.DuckDBPyConnection) -> None:
        if folder:
            keep_key(connection, key)
        publish(connection, table, deliveries, folder, horizons)

    if deliveries:
        lake.transact(make_known)
    return tuple(deliveries)


def _remember_times(
    lake: Lake, table: str, same: Sequence[Landed], newest: Mapping[date, Mapping[str, Any]]
) -> None:
    """Keep when files were written that hold what the ledger has, so that nobody looks again."""
    touched = [f for f in same if f.written != newest[f.day]["file_written"]]
    if touched:
        lake.transact(lambda connection: keep_times(connection, table, touched))


def _is_known(delivery: Delivery, newest: Mapping[str, Any] | None) -> bool:
    """Return whether another look at a held file has found what the ledger says of it already."""
    return (
        newest is not None
        and is_unread(newest)
        and delivery.landed.delivery == newest["delivery"]
        and (delivery.held, delivery.read) == (newest["reason"], 0)
    )


def counted(file: Landed, counts: Counts) -> Counts:
    """Return a delivery's counts beside the number of records that another reader has found."""
    return replace(counts, records=file.records)


def counts_of(row: Mapping[str, Any]) -> Counts:
    """Return what the ledger keeps of a delivery's lines."""
    return Counts(row["rows_read"], row["rows_accepted"])


def _land(
    table: RawTable,
    landing: str,
    days: Sequence[date],
    copies: Path,
    settled: Mapping[date, str],
    replays: Mapping[date, str | None],
    threads: int,
) -> tuple[list[Landed], list[DeliveryError]]:
    """Look at every day's file; a day that fails does not keep the others from being taken in."""

    def look(day: date) -> Landed | DeliveryError:
        again = replays.get(day)
        contract = table.model_copy(update={"checksum": replayed(table.checksum, again)})
        try:
            return replace(land(contract, landing, day, copies, settled.get(day)), replays=again)
        except DeliveryError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:  # copying and unpacking leave Python to others
        found = list(pool.map(look, days))
    failed = [each for each in found if isinstance(each, DeliveryError)]
    return [each for each in found if isinstance(each, Landed)], failed


def _known(history: Sequence[dict[str, Any]], changed: Sequence[Landed]) -> list[dict[str, Any]]:
    """Return the deliveries that the changed files have been before: their rows are in the lake."""
    wanted = {(file.day, file.delivery) for file in changed if file.file}
    return [
        row for row in history if (row["day"], row["delivery"]) in wanted and not is_unread(row)
    ]


def _read(
    lake: Lake,
    spark: SparkSession,
    table: RawTable,
    files: Sequence[Landed],
    key: bytes,
    folder: str,
) -> Found:
    from ingestion.profiling import profiled
    from ingestion.reading import read_rows, write_rows
    from resources.spark import jvm_in_use

    with jvm_in_use():
        write_rows(read_rows(spark, table, files, key, parent_keys(lake, table)), folder)
    found = profiled(folder, table, lake.threads)
    for file in files:
        if file.day in found and is_short(counted(file, found[file.day][0])):
            remove_day(folder, file.day)  # which of its rows are missing, nobody can tell
    return found


def _audited(
    lake: Lake,
    table: RawTable,
    changed: Sequence[Landed],
    found: Found,
    history: Sequence[dict[str, Any]],
) -> list[Delivery]:
    """Judge every changed day, ascending; what is published becomes a yardstick of later days."""
    inside = {file.day for file in changed}
    recent = recent_days(lake, table.name, changed[0].day, changed[-1].day)
    hashes = [file.file_hash for file in changed if file.file_hash]
    files = {h: day for day, h in same_files(lake, table.name, hashes) if day not in inside}
    current = {row["day"]: row for row in history}
    published = {
        row["day"]: row["rows_accepted"] for row in history if row["status"] == "published"
    }
    deliveries = []
    for file in changed:
        counts, profile = found.get(file.day, UNREAD)
        usual = before(recent, file.day)
        held = (
            file.problem
            or _withdrawn(file, published.get(file.day), current.get(file.day))
            or _repeated(file, counts, files)
            or hold_reason(counted(file, counts), profile, usual, table.ingest.max_reject_rate)
        )
        if is_short(counted(file, counts)):
            counts, profile = UNREAD  # none of its rows were written
        told = () if held else warnings(file.day, profile, usual, published.get(file.day))
        replaces = current[file.day]["delivery"] if file.day in current else None
        deliveries.append(Delivery(file, counts, profile, held, told, replaces))
        if counts.read and file.file_hash:
            files.setdefault(file.file_hash, file.day)
        if not held:
            recent = [known for known in recent if known.day != file.day]
            recent.append(Recent(file.day, profile))
    return deliveries


def _withdrawn(file: Landed, rows: int | None, newest: Mapping[str, Any] | None) -> str | None:
    """Return why a day that has lost its file is held: what was stays until a person decides."""
    if file.file:
        return None
    if newest and newest["status"] == "held":
        told = f"the file is gone, its delivery was held: {newest['reason']}"
        return told if newest["file"] else str(newest["reason"])
    return f"the file is gone, {rows} rows of it are published" if rows else None


def _repeated(file: Landed, counts: Counts, files: Mapping[str, date]) -> str | None:
    """Return why a file that another day has delivered already is held."""
    other = files.get(file.file_hash or "")
    return f"the same file as of {other}" if other and counts.read else None
