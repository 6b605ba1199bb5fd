"""A lake has one key of its pseudonyms, whoever works on it."""

from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest
from dagster import RunRequest

from definitions import build
from errors import RunFailedError, SetupError
from ingestion.key import fingerprint, keep_key, require_key
from ingestion.take_in import Loader, take_in
from launch import launch
from resources.lake import attach, is_lock
from resources.settings import CHECKOUT, Settings

DAY = date(2024, 3, 1)
KEY, OTHER = b"a key for tests", b"another key"


def test_a_fingerprint_tells_keys_apart_and_nothing_of_them() -> None:
    assert fingerprint(KEY) == "94ce23a72a66286d"
    assert fingerprint(OTHER) != fingerprint(KEY)


def test_rows_of_a_second_key_are_refused_before_a_file_is_read(desk) -> None:
    desk.land_amounts(DAY, 1.0)
    require_key(desk.lake, OTHER)  # nothing is kept before there are rows
    desk.take(DAY)
    desk.land_amounts(DAY, 2.0)
    was = desk.rows()

    def session() -> None:
        pytest.fail("Spark was asked for")

    landing = str(desk.landing)
    loader = Loader(desk.lake, session, desk.table, landing, OTHER, desk.staging)
    with pytest.raises(SetupError, match=r"pii\.key.*LEEWAY_PII_KEY") as refused:
        take_in(loader, [DAY])
    assert all(fingerprint(key) in str(refused.value) for key in (KEY, OTHER))
    assert OTHER.decode() not in str(refused.value)
    assert desk.rows() == was
    desk.take(DAY)
    assert desk.lake.rows("select fingerprint from ledger.keys") == [
        {"fingerprint": fingerprint(KEY)}
    ]


def test_of_two_homes_that_publish_first_at_once_one_is_refused(lake) -> None:
    with attach(lake.catalog, lake.data, threads=1) as other:
        other.execute("use lake")
        other.begin()
        keep_key(other, OTHER)
        lake.transact(partial(keep_key, key=KEY))
        with pytest.raises(duckdb.Error) as late:
            other.commit()
    assert is_lock(late.value)
    with pytest.raises(SetupError, match=fingerprint(KEY)):
        lake.transact(partial(keep_key, key=OTHER))


def test_a_home_that_has_lost_its_key_works_on_nothing(lake, instance, tmp_path: Path) -> None:
    lake.transact(partial(keep_key, key=KEY))
    project = CHECKOUT / "tests" / "projects" / "other"
    (tmp_path / "landing").mkdir()
    loaded = Settings(
        home=tmp_path, lake_catalog=lake.catalog, lake_data=lake.data, dbt_project_dir=project
    )
    with pytest.raises(RunFailedError, match=f"{fingerprint(KEY)}.*Restore `pii.key`"):
        launch(build(loaded), instance, RunRequest(job_name="views"))
