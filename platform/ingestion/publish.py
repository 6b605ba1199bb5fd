"""Publish deliveries: files, rejects and ledger rows become visible in one transaction."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

import ledger
from declaration import RawTable
from errors import DeliveryError
from ingestion.audit import Counts
from ingestion.clock import read_clock
from ingestion.deliveries import current_deliveries
from ingestion.landing import Landed
from ingestion.profile import Profile
from ingestion.retyping import retype
from resources.lake import Lake, literal, quoted
from turns import take_turn

# Folders of what a pass has written, and the types of what their names say.
ACCEPTED, REJECTED = "_rejected=false", "_rejected=true"
HIVE_TYPES = "{'_rejected': boolean, '_day': date, '_delivery': varchar}"


@dataclass(frozen=True)
class Delivery:
    """A delivery that was read and audited; `held` says why it is not published, or is None.

    replaces: the day's delivery when its file was looked at, None for the day's first.
    """

    landed: Landed
    counts: Counts
    profile: Profile
    held: str | None
    warnings: tuple[str, ...] = ()
    replaces: str | None = None

    @property
    def day(self) -> date:
        """Partition of the delivery."""
        return self.landed.day

    @property
    def read(self) -> int:
        """Lines of the file."""
        return self.counts.read

    @property
    def accepted(self) -> int:
        """Lines that keep the contract."""
        return self.counts.accepted

    @property
    def quarantined(self) -> int:
        """Lines that broke the contract."""
        return self.read - self.accepted


def publish(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    deliveries: Sequence[Delivery],
    folder: str | None,
    horizons: Mapping[str, int],
) -> None:
    """Make deliveries known, inside the caller's transaction.

    folder: where Spark wrote their rows, None where no delivery has a row. horizons: see
    `read_clock`. Raises DeliveryError where another run has taken in one of the days meanwhile, and
    where the rows that would be visible are not those that were counted.
    """
    create_tables(connection, table)
    take_turn(connection, table.name)
    before = _require_unchanged(connection, table, deliveries)
    days = [delivery.day for delivery in deliveries]
    clock = read_clock(connection, table.name, days, horizons)
    if folder:
        _add_files(connection, table, Path(folder, ACCEPTED))
        _add_rejects(connection, table, Path(folder, REJECTED))
        _require_counted(connection, table, deliveries)
    for delivery in deliveries:
        known_from = clock.known_from(delivery.day)
        if delivery.held is None and delivery.day in before:
            close_previous(connection, table.name, delivery.day, known_from)
        row = _row(table, delivery, known_from)
        ledger.insert(connection, "deliveries", row, after=before.get(delivery.day))
        if delivery.held:
            message = f"{table.name} of {delivery.day} is held: {delivery.held}"
            ledger.alert(connection, delivery.day, "held", table.name, message)


def create_tables(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Create the raw and quarantine tables, and follow what the contract's columns have gained.

    Raises DeclarationError where a type has changed to one that might lose values.
    """
    raw = quoted("raw", table.name)
    own = ["_day date", "_delivery varchar", "_line bigint"]
    columns = [f"{quoted(column.name)} {column.stored_type}" for column in table.columns]
    connection.execute(f"create table if not exists {raw} ({', '.join([*columns, *own])})")
    for column in columns:
        connection.execute(f"alter table {raw} add column if not exists {column}")
    retype(connection, table)
    connection.execute(
        f"create table if not exists {quoted('quarantine', table.name)} ({', '.join(own)}, "
        "_file varchar, _reasons varchar[], _fields varchar, _line_hash varchar)"
    )


def create_all(lake: Lake, tables: Sequence[RawTable]) -> None:
    """Create every declared table, so that views over them can be made before the first file."""

    def create(connection: duckdb.DuckDBPyConnection) -> None:
        for table in tables:
            create_tables(connection, table)

    lake.transact(create)


def day_folder(folder: str, kind: str, file: Landed) -> Path:
    """Return where rows of a file are; kind: ACCEPTED or REJECTED."""
    return Path(folder, kind, f"_day={file.day}", f"_delivery={file.delivery}")


def remove_day(folder: str, day: date) -> None:
    """Remove what a pass has written for a day, which then publishes nothing of it."""
    for path in Path(folder).glob(f"*/_day={day}"):
        shutil.rmtree(path)


def _add_files(connection: duckdb.DuckDBPyConnection, table: RawTable, folder: Path) -> None:
    # listed here, as DuckDB would take a star or a bracket in the lake's path for a pattern
    for file in sorted(folder.glob("*/*/*.parquet")):
        connection.execute(
            f"call ducklake_add_data_files('lake', {literal(table.name)}, {literal(str(file))}, "
            "schema => 'raw', hive_partitioning => true, allow_missing => true, "
            "ignore_extra_columns => true)"  # those that only a rejected row has values in
        )


def _add_rejects(connection: duckdb.DuckDBPyConnection, table: RawTable, folder: Path) -> None:
    files = [str(file) for file in sorted(folder.glob("*/*/*.parquet"))]
    if not files:
        return
    connection.execute(
        f"""insert into {quoted("quarantine", table.name)}
        (_day, _delivery, _line, _file, _reasons, _fields, _line_hash)
        select _day, _delivery, _line, _file, _reasons, _fields, _line_hash
        from read_parquet(?, hive_types = {HIVE_TYPES}) order by _day, _line""",
        [files],
    )


def _require_counted(
    connection: duckdb.DuckDBPyConnection, table: RawTable, deliveries: Sequence[Delivery]
) -> None:
    """What the ledger says of a delivery must be what its tables hold."""
    accepted = _stored(connection, quoted("raw", table.name), deliveries)
    rejected = _stored(connection, quoted("quarantine", table.name), deliveries)
    for delivery in deliveries:
        key = (delivery.day, delivery.landed.delivery)
        stored = (accepted.get(key, 0), rejected.get(key, 0))
        if stored != (delivery.accepted, delivery.quarantined):
            raise DeliveryError(
                f"{table.name} {delivery.day}: {delivery.accepted} rows were accepted and "
                f"{delivery.quarantined} rejected, but the lake would hold {stored[0]} and "
                f"{stored[1]}: nothing is published; look for files missing under the lake's data "
                "folder, then take the day in again"
            )


def _stored(
    connection: duckdb.DuckDBPyConnection, table: str, deliveries: Sequence[Delivery]
) -> dict[tuple[date, str], int]:
    days = [delivery.day for delivery in deliveries]
    names = [delivery.landed.delivery for delivery in deliveries]
    found = connection.execute(
        f"""select _day, _delivery, count(*) from {table}
        where _day between ? and ? and _delivery in (select unnest(?)) group by all""",
        [min(days), max(days), names],
    ).fetchall()
    return {(day, name): rows for day, name, rows in found}


def close_previous(
    connection: duckdb.DuckDBPyConnection, table: str, day: date, known_from: date
) -> None:
    """End the time of a day's published delivery, inside the caller's transaction."""
    connection.execute(
        """update ledger.deliveries set known_to = ?, status = 'superseded'
        where table_name = ? and day = ? and status = 'published'""",
        [known_from, table, day],
    )


def keep_times(connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Landed]) -> None:
    """Keep when the files of unchanged deliveries were written, inside the caller's transaction."""
    take_turn(connection, table)
    for file in files:
        connection.execute(
            "update ledger.deliveries set file_written = ? "
            "where table_name = ? and day = ? and delivery = ?",
            [file.written, table, file.day, file.delivery],
        )


def _require_unchanged(
    connection: duckdb.DuckDBPyConnection, table: RawTable, deliveries: Sequence[Delivery]
) -> dict[date, datetime]:
    """Return when each day's newest delivery was written, of days that have one.

    Two runs that take in one file at once must not publish its rows twice.
    """
    current = {
        row["day"]: row
        for row in current_deliveries(connection, table.name, [d.day for d in deliveries])
    }
    for delivery in deliveries:
        newest = current[delivery.day]["delivery"] if delivery.day in current else None
        if newest != delivery.replaces:
            raise DeliveryError(
                f"{table.name} {delivery.day}: another run has taken in a delivery "
                f"({newest}) while this one read the file: run it again"
            )
    return {day: row["written_at"] for day, row in current.items()}


def _row(table: RawTable, delivery: Delivery, known_from: date) -> dict[str, Any]:
    return {
        "table_name": table.name,
        "day": delivery.landed.day,
        "delivery": delivery.landed.delivery,
        "file": delivery.landed.file,
        "file_hash": delivery.landed.file_hash,
        "file_written": delivery.landed.written,
        "rows_read": delivery.read,
        "rows_accepted": delivery.accepted,
        "rows_quarantined": delivery.quarantined,
        "profile": delivery.profile.model_dump_json(exclude_none=True),
        "warnings": json.dumps(delivery.warnings),
        "status": "held" if delivery.held else "published",
        "reason": delivery.held,
        "known_from": known_from,
        "known_to": None,
        "replays": delivery.landed.replays,
    }
