import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pytest

import ledger
from errors import SetupError
from examples import exists
from resources.answers import steady
from resources.lake import Lake, attach, is_lock, lake_of, listed, literal, quoted
from resources.settings import Settings

ALERT = {"day": date(2024, 1, 1), "kind": "held", "subject": "order_lines", "message": "why"}
DAYS = [date(2024, 1, day) for day in range(1, 6)]


def count(lake: Lake) -> int:
    return lake.rows("select count(*) as n from ledger.alerts")[0]["n"]


def test_a_committed_transaction_is_seen_by_another_process_s_connection(lake: Lake) -> None:
    lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))
    other = attach(lake.catalog, lake.data, threads=1)
    assert other.execute("select count(*) from lake.ledger.alerts").fetchall() == [(1,)]


def test_files_between_the_days_of_a_list_are_not_read(lake: Lake) -> None:
    lake.transact(lambda connection: connection.execute("create table ml.t (day date, n integer)"))
    rows = "insert into ml.t select ?, range from range(100)"
    for day in DAYS:
        lake.transact(lambda connection, day=day: connection.execute(rows, [day]))
    asked = [DAYS[0], DAYS[-1]]
    query = f"select * from ml.t where day in {listed(asked)}"
    assert {row["day"] for row in lake.rows(query, asked)} == set(asked)
    with lake.connect() as connection:
        ((_, plan),) = connection.execute(f"explain analyze {query}", asked).fetchall()
    assert "Total Files Read: 2" in plan
    assert lake.rows(f"select * from ml.t where day in {listed([])}") == []


def test_a_steady_step_sees_its_own_writes_and_no_others(lake: Lake) -> None:
    def write() -> None:
        lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))

    with steady():
        assert count(lake) == 0
        with ThreadPoolExecutor(1) as another:  # a thread begins without what this one has kept
            another.submit(write).result()
        assert count(lake) == 0
        write()
        assert count(lake) == 2
    write()
    assert count(lake) == 3


def test_a_transaction_that_raises_leaves_nothing(lake: Lake) -> None:
    def work(connection: duckdb.DuckDBPyConnection) -> None:
        ledger.insert(connection, "alerts", ALERT)
        connection.execute("create table ml.half_done (x integer)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lake.transact(work)
    assert count(lake) == 0
    assert lake.rows("select table_name from duckdb_tables() where table_name = 'half_done'") == []


def test_the_lake_works_on_after_a_transaction_that_raised(lake: Lake) -> None:
    with pytest.raises(duckdb.Error):
        lake.transact(lambda connection: connection.execute("select * from ml.not_there"))
    lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))
    assert count(lake) == 1


def test_a_writer_that_came_between_is_waited_out_by_trying_again(
    lake: Lake, tmp_path: Path
) -> None:
    """SQLite refuses a write that began before another writer's commit, without any waiting."""
    tries = []

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        tries.append(count(lake))
        connection.execute("select * from ledger.alerts").fetchall()
        if len(tries) == 1:
            catalog = sqlite3.connect(tmp_path / "lake" / "catalog.sqlite")
            catalog.execute("create table written_between (x integer)")
            catalog.commit()
            catalog.close()
        ledger.insert(connection, "alerts", ALERT)

    lake.transact(work)
    assert len(tries) == 2
    assert count(lake) == 1


def test_two_writers_of_one_table_both_succeed(lake: Lake) -> None:
    tries = []

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        connection.execute("alter table ledger.alerts add column if not exists mine integer")
        if len(tries) == 1:
            with lake.connect() as other:
                other.execute("alter table ledger.alerts add column theirs integer")

    lake.transact(work)
    columns = lake.read("select * from ledger.alerts").column_names
    assert len(tries) == 2
    assert columns[-2:] == ["theirs", "mine"]


def test_only_a_lock_is_tried_again(lake: Lake) -> None:
    tries = []

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        tries.append(1)
        connection.execute("select no_such_column from ledger.alerts")

    with pytest.raises(duckdb.BinderException):
        lake.transact(work)
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("error", "lock"),
    [
        (duckdb.IOException("Failed to commit: database is locked"), True),
        (duckdb.TransactionException("Transaction conflict - attempting to insert"), True),
        (
            duckdb.TransactionException(
                "TransactionContext Error: Failed to delete flushed inlined data in DuckLake from "
                "table ducklake_inlined_data_10_1: Current transaction is aborted (please ROLLBACK)"
            ),
            True,
        ),
        (duckdb.BinderException("column not found"), False),
        (ValueError("database is locked"), False),
    ],
)
def test_a_lock_is_told_from_other_errors(error: Exception, lock: bool) -> None:
    assert is_lock(error) is lock


def test_a_snapshot_reads_what_was_there_then_and_cannot_be_written(lake: Lake) -> None:
    lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))
    snapshot = lake.snapshot()
    lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))
    query = "select count(*) as n from ledger.alerts"
    assert lake.snapshot() > snapshot
    assert lake.read(query, snapshot=snapshot)["n"].to_pylist() == [1]
    assert lake.read(query)["n"].to_pylist() == [2]
    with lake.connect(snapshot) as connection, pytest.raises(duckdb.Error):
        ledger.insert(connection, "alerts", ALERT)


def test_an_ordered_read_comes_in_its_order_in_every_batch(lake: Lake) -> None:
    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(
            "create table ml.numbers as select (i * 7919) % 100003 as n from range(100003) t(i)"
        )

    lake.transact(write)
    assert lake.read("select n from ml.numbers order by n")["n"].to_pylist() == [*range(100003)]


def test_names_with_quotes_are_names(lake: Lake) -> None:
    name, column, value = quoted("ml", 'odd " name'), quoted('a " b'), literal("it's")

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"create table {name} ({column} varchar)")
        connection.execute(f"insert into {name} values ({value})")

    lake.transact(write)
    assert lake.rows(f"select * from {name}") == [{'a " b': "it's"}]


@pytest.mark.parametrize("name", ["json", "csv", "parquet", "orders", "with.dot"])
def test_a_table_exists_from_the_snapshot_that_made_it_whatever_its_name(
    lake: Lake, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"ml.{name}").write_text('{"a": 1}')  # DuckDB reads such a file for a missing table
    before = lake.snapshot()
    assert not exists(lake, "ml", name)
    assert not exists(lake, "nowhere", name)
    lake.transact(
        lambda connection: connection.execute(f"create table {quoted('ml', name)} (a int)")
    )
    assert exists(lake, "ml", name)
    assert not exists(lake, "ml", name, before)


def test_a_sort_that_outgrows_its_memory_goes_to_files_of_this_process(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, memory="100MB")
    (tmp_path / "lake" / "data").mkdir(parents=True)
    query = "select sum(n) from (select hash(range) as n, repeat('x', 90) as t from range(3000000)"
    with lake_of(home).connect() as connection:
        connection.execute(f"{query} order by t, n limit 2900000)").fetchall()
    assert [path.name for path in tmp_path.glob("spill*")] == [f"spill-{os.getpid()}"]


def test_an_unknown_kind_of_catalog_is_refused_with_the_kinds_that_are_known(
    tmp_path: Path,
) -> None:
    with pytest.raises(SetupError, match=r"'mysql'.*sqlite:.*postgres:"):
        attach("mysql:host=here", str(tmp_path), threads=1)


def test_preparing_a_ledger_twice_keeps_its_rows(lake: Lake) -> None:
    lake.transact(lambda connection: ledger.insert(connection, "alerts", ALERT))
    ledger.prepare(lake)
    assert count(lake) == 1


def test_rows_are_read_as_they_are_where_ducklake_s_column_statistics_are_wrong(lake: Lake) -> None:
    """A write that begins with a file of nulls, then one more: the bounds are those of the last."""

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("create table ml.gaps (day integer, gap integer)")
        connection.execute("alter table ml.gaps set partitioned by (day)")

    lake.transact(write)
    # more rows than DuckLake keeps in the catalog: each day becomes a file
    first = "select 1 + i // 50, if(i < 50, null, i - 49) from range(100) t(i)"
    for rows in (first, "select 3, 4 from range(50)"):
        lake.transact(lambda c, rows=rows: c.execute(f"insert into ml.gaps {rows}"))

    gaps = lake.read("from ml.gaps order by day, gap nulls first")["gap"].to_pylist()
    assert gaps == [None] * 50 + [*range(1, 51)] + [4] * 50
    assert lake.rows("select min(gap) as low, max(gap) as high from ml.gaps") == [
        {"low": 1, "high": 50}
    ]
    assert lake.rows("select count(*) as n from ml.gaps where gap > 5") == [{"n": 45}]
