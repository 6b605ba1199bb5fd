"""Publish deliveries: files, rejects and ledger rows become visible in one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

import ledger
from declaration import RawTable
from ingestion.landing import Landed
from resources.lake import Lake, literal, quoted


@dataclass(frozen=True)
class Delivery:
    """A delivery that was read and audited; `held` says why it is not published, or is None."""

    landed: Landed
    read: int
    accepted: int
    medians: dict[str, float | None]
    held: str | None
    known_from: date

    @property
    def quarantined(self) -> int:
        """Lines that broke the contract."""
        return self.read - self.accepted


def publish(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    deliveries: Sequence[Delivery],
    folder: str | None,
) -> None:
    """Make deliveries known, inside the caller's transaction.

    folder: where Spark wrote their rows, None where no delivery has a row.
    """
    create_tables(connection, table)
    if folder:
        _add_files(connection, table, f"{folder}/accepted")
        _add_rejects(connection, table, f"{folder}/rejected")
    for delivery in deliveries:
        if delivery.held is None:
            _close_previous(connection, table, delivery)
        ledger.insert(connection, "deliveries", _row(table, delivery))
        if delivery.held:
            message = f"{table.name} of {delivery.landed.day} is held: {delivery.held}"
            ledger.alert(connection, delivery.landed.day, "held", table.name, message)


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


def _close_previous(
    connection: duckdb.DuckDBPyConnection, table: RawTable, delivery: Delivery
) -> None:
    connection.execute(
        """update ledger.deliveries set known_to = ?, status = 'superseded'
        where table_name = ? and day = ? and status = 'published'""",
        [delivery.known_from, table.name, delivery.landed.day],
    )


def _row(table: RawTable, delivery: Delivery) -> dict[str, Any]:
    return {
        "table_name": table.name,
        "day": delivery.landed.day,
        "delivery": delivery.landed.delivery,
        "file": delivery.landed.file,
        "file_hash": delivery.landed.file_hash,
        "rows_read": delivery.read,
        "rows_accepted": delivery.accepted,
        "rows_quarantined": delivery.quarantined,
        "medians": json.dumps(delivery.medians),
        "status": "held" if delivery.held else "published",
        "reason": delivery.held,
        "known_from": delivery.known_from,
        "known_to": None,
    }
