"""Publish deliveries: files, rejects and ledger rows become visible in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
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
from resources.lake import Lake, literal, quoted


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
    `read_clock`. Raises DeliveryError where another run has taken in one of the days meanwhile.
    """
    create_tables(connection, table)
    _require_unchanged(connection, table, deliveries)
    days = [delivery.day for delivery in deliveries]
    clock = read_clock(connection, table.name, days, horizons)
    if folder:
        _add_files(connection, table, f"{folder}/accepted")
        _add_rejects(connection, table, f"{folder}/rejected")
    for delivery in deliveries:
        known_from = clock.known_from(delivery.day)
        if delivery.held is None:
            close_previous(connection, table.name, delivery.day, known_from)
        ledger.insert(connection, "deliveries", _row(table, delivery, known_from))
        if delivery.held:
            message = f"{table.name} of {delivery.day} is held: {delivery.held}"
            ledger.alert(connection, delivery.day, "held", table.name, message)


def create_tables(connection: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """Create the raw and quarantine tables, and add columns that the contract has gained."""
    raw = quoted("raw", table.name)
    own = ["_day date", "_delivery varchar", "_line bigint"]
    columns = [f"{quoted(column.name)} {column.stored_type}" for column in table.columns]
    connection.execute(f"create table if not exists {raw} ({', '.join([*columns, *own])})")
    for column in columns:
        connection.execute(f"alter table {raw} add column if not exists {column}")
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


def _add_files(connection: duckdb.DuckDBPyConnection, table: RawTable, folder: str) -> None:
    found = connection.execute(
        f"select file from glob({literal(folder + '/*/*/*.parquet')}) order by file"
    ).fetchall()
    for (file,) in found:
        connection.execute(
            f"call ducklake_add_data_files('lake', {literal(table.name)}, {literal(file)}, "
            "schema => 'raw', hive_partitioning => true, allow_missing => true)"
        )


def _add_rejects(connection: duckdb.DuckDBPyConnection, table: RawTable, folder: str) -> None:
    pattern = literal(f"{folder}/*.parquet")
    if not connection.execute(f"select 1 from glob({pattern}) limit 1").fetchone():
        return
    connection.execute(
        f"""insert into {quoted("quarantine", table.name)}
        (_day, _delivery, _line, _file, _reasons, _fields, _line_hash)
        select _day, _delivery, _line, _file, _reasons, _fields, _line_hash
        from read_parquet({pattern}) order by _day, _line"""
    )


def close_previous(
    connection: duckdb.DuckDBPyConnection, table: str, day: date, known_from: date
) -> None:
    """End the time of a day's published delivery, inside the caller's transaction."""
    connection.execute(
        """update ledger.deliveries set known_to = ?, status = 'superseded'
        where table_name = ? and day = ? and status = 'published'""",
        [known_from, table, day],
    )


def _require_unchanged(
    connection: duckdb.DuckDBPyConnection, table: RawTable, deliveries: Sequence[Delivery]
) -> None:
    """Two runs that take in one file at once must not publish its rows twice."""
    current = {
        row["day"]: row["delivery"]
        for row in current_deliveries(connection, table.name, [d.day for d in deliveries])
    }
    for delivery in deliveries:
        if current.get(delivery.day) != delivery.replaces:
            raise DeliveryError(
                f"{table.name} {delivery.day}: another run has taken in a delivery "
                f"({current.get(delivery.day)}) while this one read the file: run it again"
            )


def _row(table: RawTable, delivery: Delivery, known_from: date) -> dict[str, Any]:
    return {
        "table_name": table.name,
        "day": delivery.landed.day,
        "delivery": delivery.landed.delivery,
        "file": delivery.landed.file,
        "file_hash": delivery.landed.file_hash,
        "rows_read": delivery.read,
        "rows_accepted": delivery.accepted,
        "rows_quarantined": delivery.quarantined,
        "profile": delivery.profile.model_dump_json(exclude_none=True),
        "warnings": json.dumps(delivery.warnings),
        "status": "held" if delivery.held else "published",
        "reason": delivery.held,
        "known_from": known_from,
        "known_to": None,
    }
