"""The lake's weekly upkeep: every step is a transaction of its own, so a kill between is harmless.

Expired snapshots release files, merging and rewriting replace them; a file is deleted a day after
it was released, so that no reader loses it. See https://ducklake.select/docs, "Maintenance".
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from claims import claim_data
from errors import LakeBusyError
from resources.lake import Lake, literal
from upkeep.pins import pinned

logger = logging.getLogger("leeway")

TRAVEL = timedelta(days=7)  # every snapshot of the last week can be read
RELEASED = timedelta(days=1)  # how long what nobody names stays: it may be staged, or be read
LARGEST_MERGED = 64 * 1024**2  # bytes; a larger file is not written again for a few more rows
DELETED_SHARE = 0.1  # of a file's rows, from which on it is written again without them


@dataclass(frozen=True)
class Kept:
    """What the upkeep of a lake did. Files and bytes are those of current tables.

    left: tables that another writer kept busy; they wait for the next time.
    """

    snapshots_expired: int
    snapshots_pinned: int
    files_before: int
    files_after: int
    files_deleted: int
    left: tuple[str, ...]


def keep_up(lake: Lake, now: datetime, told: Callable[[str], None]) -> Kept:
    """Do every step. now: UTC; told: gets the name of a step before it begins.

    Raises SetupError where the folder of the lake's data is another catalog's.
    """
    claim_data(lake)
    before = count_files(lake)
    told("expire")
    pins = pinned(lake)
    expired = expire(lake, pins, now - TRAVEL)
    told("flush")
    flush(lake)
    left = merge(lake, told)
    told("delete")
    deleted = delete_released(lake, now - RELEASED)
    return Kept(expired, len(pins), before, count_files(lake), deleted, left)


def expire(lake: Lake, pins: set[int], before: datetime) -> int:
    """Expire the snapshots older than `before` that no pin names; the newest always stays."""

    def work(connection: duckdb.DuckDBPyConnection) -> int:
        found = connection.execute(
            """select snapshot_id from lake.snapshots() where snapshot_time < ?
            and snapshot_id < (select max(snapshot_id) from lake.snapshots())""",
            [before.replace(tzinfo=UTC)],
        ).fetchall()
        old = sorted({row[0] for row in found} - pins)
        if old:
            connection.execute(f"call ducklake_expire_snapshots('lake', versions => {old})")
        return len(old)

    return lake.transact(work)


def flush(lake: Lake) -> None:
    """Write the rows that the catalog holds itself to files; it keeps deleted ones until then."""
    lake.transact(_calling("ducklake_flush_inlined_data('lake')"))


def merge(lake: Lake, told: Callable[[str], None]) -> tuple[str, ...]:
    """Compact the tables that need it; returns those that another writer kept busy."""
    left = []
    for schema, table in tables(lake):
        if not is_scattered(lake, schema, table):
            continue
        told(f"merge {schema}.{table}")
        try:
            compact(lake, schema, table)
        except LakeBusyError as error:
            logger.warning("%s.%s was not merged, next week again: %s", schema, table, error)
            left.append(f"{schema}.{table}")
    return tuple(left)


def compact(lake: Lake, schema: str, table: str) -> None:
    """Write a table's small files as few; its rows, and what pinned snapshots read, stay.

    Files that have lost rows are written again, small files of a partition become one.
    """
    of = f"'lake', {literal(table)}, schema => {literal(schema)}"
    for call in (
        f"ducklake_rewrite_data_files({of}, delete_threshold => {DELETED_SHARE})",
        f"ducklake_merge_adjacent_files({of}, max_file_size => {LARGEST_MERGED})",
    ):
        lake.transact(_calling(call))


def delete_released(lake: Lake, before: datetime) -> int:
    """Delete the files that were released, or that no catalog row has named, before a time."""
    limit = f"older_than => {literal(before.replace(tzinfo=UTC).isoformat())}::timestamptz"
    done = [
        lake.transact(_calling(f"{name}('lake', {limit})"))
        for name in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files")
    ]
    return sum(done)


def tables(lake: Lake) -> Iterator[tuple[str, str]]:
    """Return schema and name of every table."""
    rows = lake.rows(
        """select schema_name, table_name from duckdb_tables()
        where database_name = 'lake' order by all"""
    )
    return ((row["schema_name"], row["table_name"]) for row in rows)


def is_scattered(lake: Lake, schema: str, table: str) -> bool:
    """Return whether a table has several files, or a file with deleted rows."""
    listed = f"ducklake_list_files('lake', {literal(table)}, schema => {literal(schema)})"
    query = f"select count(*) > 1 or count(delete_file) > 0 as found from {listed}"
    return bool(lake.rows(query)[0]["found"])


def count_files(lake: Lake) -> int:
    """Return how many data and delete files the current tables have."""
    query = """select coalesce(sum(file_count + delete_file_count), 0)::bigint as files
    from ducklake_table_info('lake')"""
    return int(lake.rows(query)[0]["files"])


def _calling(call: str) -> Callable[[duckdb.DuckDBPyConnection], int]:
    return lambda connection: len(connection.execute(f"call {call}").fetchall())
