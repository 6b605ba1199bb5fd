"""What DuckDB says of a catalog that is not there becomes a message with what to do."""

from pathlib import Path

import pytest

import ledger
from errors import SetupError
from resources.lake import Lake
from state import opened

QUERY = "select count(*) as n from ledger.alerts"


def test_a_postgres_that_does_not_answer_is_named_without_the_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("LEEWAY_LAKE_CATALOG", "postgres:host=127.0.0.1 port=1 user=me dbname=lake")
    with pytest.raises(SetupError, match=r"\(postgres\).*refused.*PGPASSFILE") as told:
        opened()
    assert "hunter2" not in str(told.value) + str(told.value.__cause__)


def test_a_refused_password_is_not_shown(postgres, tmp_path: Path, monkeypatch) -> None:
    name = postgres.database()
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    lake = Lake(catalog=f"postgres:{postgres.libpq(name)}", data=f"{tmp_path}/")
    with pytest.raises(SetupError, match="password authentication failed") as told:
        lake.rows("select 1")
    assert "hunter2" not in str(told.value) + str(told.value.__cause__)


def test_a_catalog_that_goes_away_is_told_and_attached_again(postgres, tmp_path: Path) -> None:
    name = postgres.database()
    lake = Lake(catalog=f"postgres:{postgres.libpq(name)}", data=f"{tmp_path}/")
    ledger.prepare(lake)
    postgres.drop(name)
    for _ in range(2):
        with pytest.raises(SetupError, match=r"the lake's catalog \(postgres\) cannot be reached"):
            lake.rows(QUERY)


def test_a_sqlite_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    lake = Lake(catalog=f"sqlite:{tmp_path}/no/such/catalog.sqlite", data=f"{tmp_path}/")
    with pytest.raises(SetupError, match=r"\(sqlite\).*no/such.*folder of LEEWAY_LAKE_CATALOG"):
        ledger.prepare(lake)
