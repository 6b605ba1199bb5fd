"""Take landing files in: find, read and check, audit, publish. A quarter of a year is one pass."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from pyspark.sql import SparkSession

from commit_points import reached
from declaration import RawTable
from errors import DeliveryError
from ingestion.audit import Counts, is_short
from ingestion.deliveries import deliveries_of, is_unread, profile_of
from ingestion.judging import audited, counted, counts_of
from ingestion.key import keep_key, require_key
from ingestion.landing import Landed, land, replayed
from ingestion.parents import outdated, parent_keys
from ingestion.profile import Profile
from ingestion.publish import Delivery, keep_times, publish, remove_day
from ingestion.staging import staging_folder
from resources.lake import Lake

FILES = 92  # of a pass: Spark keeps some MB of heap for each that it has read; 366 were too many


@dataclass(frozen=True)
class Loader:
    """What takes a raw table's files into a lake.

    session: starts Spark, or returns the one that runs. landing: folder that files land in. key: by
    which personal values are hidden. staging: folder of private copies, which are gone afterwards.
    horizons: see `ingestion.clock.read_clock`.
    """

    lake: Lake
    session: Callable[[], SparkSession]
    table: RawTable
    landing: str
    key: bytes
    staging: Path
    horizons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Intake:
    """What taking days in did; counts are lines of files."""

    deliveries: tuple[Delivery, ...]
    unchanged: int

    @property
    def held(self) -> tuple[Delivery, ...]:
        """Deliveries that downstream will not see until they are released."""
        return tuple(delivery for delivery in self.deliveries if delivery.held)


def take_in(loader: Loader, days: Sequence[date]) -> Intake:
    """Bring `days` (ascending) of a raw table up to what lies in the landing folder.

    A file whose content is the day's current delivery costs a hash and nothing else; only one that
    is held because nothing of it could be read is looked at again, and one with rows that lacked
    their parents once a parent has changed. Spark starts only where a file has to be read.

    Raises DeliveryError for days that could not be taken in, after all others have been, and
    SetupError, before anything, where the lake's rows were made with another key.
    """
    require_key(loader.lake, loader.key)
    deliveries: list[Delivery] = []
    unchanged, failed = 0, []
    for n in range(0, len(days), FILES):
        try:
            passed, errors = _pass(loader, days[n : n + FILES])
        except DeliveryError as error:
            failed.append(error)
            continue
        deliveries += passed.deliveries
        unchanged += passed.unchanged
        failed += errors
    if failed:
        raise DeliveryError("\n".join(map(str, failed)))
    return Intake(tuple(deliveries), unchanged)


def _pass(loader: Loader, days: Sequence[date]) -> tuple[Intake, list[DeliveryError]]:
    """Take days in by one commit; returns the errors of those that could not be."""
    lake, table = loader.lake, loader.table
    history = deliveries_of(lake, table.name, days)
    newest = {row["day"]: row for row in history}
    replays = {day: row["replays"] for day, row in newest.items()} | outdated(lake, table, days)
    settled = {day: row["delivery"] for day, row in newest.items() if not is_unread(row)}
    with staging_folder(loader.staging) as copies:
        landed, failed = _land(loader, days, copies, settled, replays)
        changed = [file for file in landed if settled.get(file.day) != file.delivery]
        deliveries = _deliver(loader, changed, history)
    _remember_times(lake, table.name, [f for f in landed if f not in changed], newest)
    return Intake(deliveries, len(landed) - len(deliveries)), failed


def _deliver(
    loader: Loader, changed: Sequence[Landed], history: Sequence[dict[str, Any]]
) -> tuple[Delivery, ...]:
    """Read, audit and publish changed files; those that were delivered before are not read."""
    if not changed:
        return ()
    lake, table = loader.lake, loader.table
    found = {row["day"]: (counts_of(row), profile_of(row)) for row in _known(history, changed)}
    fresh = [f for f in changed if f.file and not f.problem and f.day not in found]
    folder = f"{lake.data.rstrip('/')}/raw/{table.name}/{uuid.uuid4().hex}" if fresh else None
    found |= _read(loader, fresh, folder) if folder else {}
    reached("rows-written")
    newest = {row["day"]: row for row in history}
    deliveries = [
        delivery
        for delivery in audited(lake, table, changed, found, history)
        if not _is_known(delivery, newest.get(delivery.day))
    ]

    def make_known(connection: duckdb.DuckDBPyConnection) -> None:
        if folder:
            keep_key(connection, loader.key)
        publish(connection, table, deliveries, folder, loader.horizons)

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


def _land(
    loader: Loader,
    days: Sequence[date],
    copies: Path,
    settled: Mapping[date, str],
    replays: Mapping[date, str | None],
) -> tuple[list[Landed], list[DeliveryError]]:
    """Look at every day's file; a day that fails does not keep the others from being taken in."""

    def look(day: date) -> Landed | DeliveryError:
        again = replays.get(day)
        checksum = replayed(loader.table.checksum, again)
        contract = loader.table.model_copy(update={"checksum": checksum})
        try:
            landed = land(contract, loader.landing, day, copies, settled.get(day))
            return replace(landed, replays=again)
        except DeliveryError as error:
            return error

    # Copying and unpacking leave Python to others.
    with ThreadPoolExecutor(loader.lake.threads) as pool:
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
    loader: Loader, files: Sequence[Landed], folder: str
) -> dict[date, tuple[Counts, Profile]]:
    """Have Spark write the files' rows to `folder`; returns what was found, by day."""
    from ingestion.profiling import profiled
    from ingestion.reading import read_rows, write_rows
    from resources.spark import jvm_in_use

    lake, table, spark = loader.lake, loader.table, loader.session()
    with jvm_in_use():
        rows = read_rows(spark, table, files, loader.key, parent_keys(lake, table))
        write_rows(rows, folder, files)
    found = profiled(folder, table, lake.threads)
    for file in files:
        if file.day in found and is_short(counted(file, found[file.day][0])):
            remove_day(folder, file.day)  # which of its rows are missing, nobody can tell
    return found
