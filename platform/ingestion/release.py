"""Publish what is held: a person has looked at it. A change of status, no copy of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

import ledger
from errors import DeliveryError
from ingestion.clock import read_clock
from ingestion.deliveries import current_deliveries, held_deliveries, is_unread
from ingestion.publish import close_previous
from resources.lake import Lake
from turns import take_turn


@dataclass(frozen=True)
class Released:
    """A delivery that a person has published; `rows` count as of `known_from` and later days."""

    table: str
    day: date
    reason: str
    why: str
    rows: int
    known_from: date


def release(
    lake: Lake, table: str, day: date, why: str, horizons: Mapping[str, int]
) -> tuple[Released, bool]:
    """Publish a day's held delivery; return it, and whether this call has done it.

    What was released before stays as it is. horizons: see `ingestion.clock.read_clock`. Raises
    DeliveryError where the day holds nothing, or a file of which no row was taken in.
    """
    if not why.strip():
        raise DeliveryError("--why is empty: say what was looked at, and why the rows are right")
    held = held_deliveries(lake, table)

    def write(connection: duckdb.DuckDBPyConnection) -> tuple[Released, bool]:
        take_turn(connection, table)
        row = next(iter(current_deliveries(connection, table, [day])), None)
        if row and row["status"] == "published" and row["reason"]:
            return _released(row), False
        if not row or row["status"] != "held":
            raise DeliveryError(_not_held(table, day, row, held))
        if is_unread(row):
            raise DeliveryError(
                f"{table} {day} is held: {row['reason']}. No row of {row['file']} is taken in, "
                "so there is nothing to release: repair the file if it is broken, and take the "
                "day in again"
            )
        known_from = read_clock(connection, table, [day], horizons).known_from(day)
        close_previous(connection, table, day, known_from)
        _publish(connection, row, why, known_from)
        message = f"{table} of {day} is released: {why} (it was held: {row['reason']})"
        ledger.alert(connection, day, "release", table, message)
        return _released({**row, "why": why, "known_from": known_from}), True

    return lake.transact(write)


def _publish(
    connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any], why: str, known_from: date
) -> None:
    connection.execute(
        """update ledger.deliveries set status = 'published', why = ?, known_from = ?,
        released_at = timezone('UTC', current_timestamp)
        where table_name = ? and day = ? and delivery = ? and status = 'held'
        and written_at = ?""",
        [why, known_from, row["table_name"], row["day"], row["delivery"], row["written_at"]],
    )


def _released(row: Mapping[str, Any]) -> Released:
    return Released(
        row["table_name"],
        row["day"],
        row["reason"],
        row["why"],
        row["rows_accepted"],
        row["known_from"],
    )


def _not_held(
    table: str, day: date, row: Mapping[str, Any] | None, held: Mapping[date, str]
) -> str:
    state = f"its newest delivery is {row['status']}" if row else "it has no delivery"
    listed = "\n".join(f"  {other}: {reason}" for other, reason in held.items())
    return f"{table} {day} is not held, {state}. " + (
        f"Held days of {table}:\n{listed}" if held else f"{table} holds no day at all"
    )
