"""`leeway sql`, and the statements that open the lake in any DuckDB."""

import csv
import io
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

import lake_sql
import ledger
from cli import app
from errors import QueryError, SetupError
from resources.lake import Lake
from resources.settings import CHECKOUT, Settings, settings
from state import opened


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with three alerts and a table of features of 60 columns."""
    before = dict(os.environ)
    os.environ |= {"LEEWAY_HOME": str(tmp_path_factory.mktemp("home")), "COLUMNS": "120"}
    settings.cache_clear()
    made, _ = opened()
    for n in range(3):
        row = {"day": date(2024, 5, 1 + n), "kind": "held", "subject": "[x]", "message": "a, b"}
        made.transact(lambda c, row=row: ledger.insert(c, "alerts", row))
    wide = ", ".join(f"{n} as column_{n}" for n in range(60))
    made.transact(lambda c: c.execute(f"create table features.customer_features as select {wide}"))
    yield made
    settings.cache_clear()
    os.environ.clear()
    os.environ.update(before)


def say(*arguments: str, given: str | None = None) -> str:
    """What `leeway sql` prints."""
    return CliRunner().invoke(app, ["sql", *arguments], given, catch_exceptions=False).output


def test_rows_are_shown_as_a_table_as_csv_and_as_json(lake: Lake) -> None:
    query = "select day, subject, message from alerts order by day"
    told = say(query)
    assert "2024-05-03" in told
    assert "[x]" in told
    assert "3 rows" in told
    assert list(csv.reader(io.StringIO(say(query, "--csv"))))[1] == ["2024-05-01", "[x]", "a, b"]
    assert json.loads(say(query, "--json", "--limit", "1")) == [
        {"day": "2024-05-01", "subject": "[x]", "message": "a, b"}
    ]


def test_more_rows_than_the_limit_are_said_and_csv_has_them_all(lake: Lake) -> None:
    told = say("from range(100)")
    assert "the first 40 rows" in told
    assert len(say("from range(25000)", "--csv").splitlines()) == 25001
    assert say("from range(25000)", "--csv", "--limit", "2") == "range\n0\n1\n"


def test_what_json_does_not_know_is_null_or_text(lake: Lake) -> None:
    told = say(
        "select 1.50::decimal(9, 2) as d, 'nan'::double as n, date '2024-01-01' as t", "--json"
    )
    assert json.loads(told) == [{"d": 1.5, "n": None, "t": "2024-01-01"}]


def test_many_columns_stand_below_each_other(lake: Lake) -> None:
    lines = say("from customer_features").splitlines()
    assert any("column_59" in line and "59" in line for line in lines)
    assert max(map(len, lines)) <= 120


def test_without_a_query_the_tables_are_listed_and_a_dash_reads_stdin(lake: Lake) -> None:
    assert "customer_features" in say()
    assert say("-", "--csv", given="select 1 as one") == "one\n1\n"


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ledger.alerts",
        "create table features.mine as select 1 as one",
        "drop table features.customer_features",
        "update ledger.alerts set kind = 'x'",
        "call lake.set_option('target_file_size', '1MB')",
    ],
)
def test_a_write_is_refused_with_what_to_do_instead(lake: Lake, statement: str) -> None:
    snapshot = lake.snapshot()
    with pytest.raises(QueryError, match=r"(?s)read-only.*create temp table"):
        say(statement)
    assert lake.snapshot() == snapshot


def test_a_temporary_table_is_allowed(lake: Lake) -> None:
    assert say("create temp table t as select 7 as n; from t", "--csv") == "n\n7\n"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from customer_featurs", r"(?s)close: features\.customer_features.*lists every table"),
        ("from raw.nothing_like_it", "`leeway sql` alone lists every table"),
        ("select column_6x from customer_features", 'Candidate bindings: "column_6'),
        ("selec 1", "syntax error"),
    ],
)
def test_a_mistake_is_told_in_duckdbs_words_with_close_names(
    lake: Lake, query: str, words: str
) -> None:
    with pytest.raises(QueryError, match=words):
        say(query)


def test_the_printed_statements_open_the_lake_for_reading_in_a_duckdb_of_its_own(
    lake: Lake,
) -> None:
    statements = say("--attach")
    with duckdb.connect() as own:
        own.execute(statements)
        assert own.execute("select count(*) from ledger.alerts").fetchone() == (3,)
        with pytest.raises(duckdb.InvalidInputException, match="read-only mode"):
            own.execute("delete from ledger.alerts")


def test_the_documented_statements_are_those_that_are_printed() -> None:
    page = (CHECKOUT / "docs" / "analyst.md").read_text()
    var = "/srv/leeway/var"
    catalog, data = f"sqlite:{var}/lake/catalog.sqlite", f"{var}/lake/data/"
    printed = lake_sql.statements(Settings(home=Path(var), lake_catalog=catalog, lake_data=data))
    assert "```sql\n" + "\n".join(printed) + "\n```" in page


def test_a_reader_sees_what_is_committed_while_another_writes(lake: Lake) -> None:
    with lake.connect() as writer:
        writer.begin()
        writer.execute("insert into ledger.alerts (day) values ('2024-06-01')")
        assert say("select count(*) as n from alerts", "--csv") == "n\n3\n"
        writer.rollback()


def test_a_home_without_a_lake_says_how_to_make_one(home) -> None:
    for name in ("LEEWAY_LAKE_CATALOG", "LEEWAY_LAKE_DATA"):
        os.environ.pop(name, None)
    with pytest.raises(SetupError, match="there is no lake yet"):
        say("select 1")
