"""The ledger is read whole: the same rows, without a search of files' column statistics."""

import re
from datetime import date, timedelta

import duckdb
import pytest

import ledger
from resources.lake import Lake
from resources.settings import CHECKOUT
from resources.whole import UNSAFE_OPTIMIZER, only_ledger, whole

FIRST = date(2024, 1, 1)
OF_DAY = "select message from ledger.alerts where subject = ? and day > ? order by message"


@pytest.mark.parametrize(
    "query",
    [
        "select * from ledger.champions where model = ?",
        "with held as (select day from ledger.deliveries) select * from held where day > ?",
        """select i.day from ledger.incidents as i join ledger.partitions as p using (day)
        group by i.day having bool_and(i.built is distinct from p.written_at)""",
        "select day from ledger.partitions where day in (select unnest(?::date[]))",
    ],
)
def test_a_query_of_the_ledger_alone_is_read_whole(query: str) -> None:
    assert only_ledger(query)


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "select * from features.customer_features where as_of = ?",
        'select * from "ml"."predictions" as p join ledger.partitions as b using (day)',
        "select * from ledger.deliveries join raw.order_lines using (day)",
        "SELECT * FROM ledger.deliveries JOIN raw.order_lines USING (day)",
    ],
)
def test_a_query_of_other_tables_keeps_its_filters(query: str) -> None:
    assert not only_ledger(query)


def test_a_read_of_the_whole_finds_the_rows_that_a_filter_finds(lake: Lake) -> None:
    def write(connection: duckdb.DuckDBPyConnection) -> None:
        for n in range(30):  # more than DuckLake keeps in its catalog: some are in a file
            day, subject = FIRST + timedelta(days=n), "abc"[n % 3]
            row = {"day": day, "kind": "held", "subject": subject, "message": f"{n:02}"}
            ledger.insert(connection, "alerts", row)
        connection.execute("delete from ledger.alerts where message like '%5'")

    lake.transact(write)
    lake.transact(lambda connection: connection.execute("call ducklake_flush_inlined_data('lake')"))
    key = ["b", FIRST + timedelta(days=10)]
    with lake.connect() as connection:
        filtered = connection.execute(OF_DAY, key).fetchall()
        with whole(connection):
            assert connection.execute(OF_DAY, key).fetchall() == filtered
    assert [row["message"] for row in lake.rows(OF_DAY, key)] == [m for (m,) in filtered]
    assert len(filtered) == 5


def test_filters_are_back_after_an_error(lake: Lake) -> None:
    with lake.connect() as connection:
        with pytest.raises(duckdb.Error), whole(connection):
            connection.execute("select * from ledger.no_such_table")
        found = connection.execute("select current_setting('disabled_optimizers')").fetchone()
    assert found == ("statistics_propagation",)


def test_an_error_in_a_transaction_is_told_as_it_is(lake: Lake) -> None:
    with lake.connect() as connection:
        connection.begin()
        with pytest.raises(duckdb.Error, match="what went wrong"), whole(connection):
            connection.execute("select error('what went wrong')").fetchall()
    with lake.connect() as other:
        found = other.execute("select current_setting('disabled_optimizers')").fetchone()
    assert found == ("statistics_propagation",)


@pytest.mark.parametrize(
    ("path", "off"),
    [
        ("profiles.yml", [UNSAFE_OPTIMIZER]),
        ("macros/read_whole.sql", [f"{UNSAFE_OPTIMIZER},filter_pushdown", UNSAFE_OPTIMIZER]),
    ],
)
def test_dbt_turns_off_the_same_optimizer(path: str, off: list[str]) -> None:
    text = (CHECKOUT / "dbt_project" / path).read_text()
    assert re.findall(r"disabled_optimizers\W+([\w,]+)", text) == off
