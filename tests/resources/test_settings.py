import logging
import os
import stat
from pathlib import Path

import pytest

from errors import SetupError
from resources.settings import CHECKOUT, Settings, pii_key, settings

SECRET = "not-for-anybody's-eyes"


def test_everything_follows_from_home(tmp_path: Path) -> None:
    loaded = Settings(home=tmp_path)
    assert loaded.landing == f"{tmp_path}/landing"
    assert loaded.lake_catalog == f"sqlite:{tmp_path}/lake/catalog.sqlite"
    assert loaded.lake_data == f"{tmp_path}/lake/data/"
    assert loaded.mlflow_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert loaded.dagster_home == tmp_path / "dagster"


def test_without_any_variable_home_is_var_in_the_checkout() -> None:
    loaded = Settings()
    assert loaded.home == CHECKOUT / "var"
    assert loaded.dbt_project_dir == CHECKOUT / "dbt_project"


def test_what_is_set_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEEWAY_HOME", str(tmp_path))
    monkeypatch.setenv("LEEWAY_LANDING", "s3://dumps/shop")
    monkeypatch.setenv("LEEWAY_LAKE_CATALOG", "postgres:host=db")
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path / "other"))
    loaded = Settings()
    assert loaded.landing == "s3://dumps/shop"
    assert loaded.lake_catalog == "postgres:host=db"
    assert loaded.dbt_project_dir == tmp_path / "other"


def test_relative_paths_become_absolute_so_that_workers_agree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = Settings(home=Path("here"), landing="dumps")
    assert loaded.home == tmp_path / "here"
    assert loaded.landing == str(tmp_path / "dumps")


def test_the_settings_of_a_process_make_home_ready(home: Path) -> None:
    loaded = settings()
    assert loaded.home == home
    assert (home / "dagster" / "dagster.yaml").read_text() == (
        CHECKOUT / "dagster.yaml"
    ).read_text()
    assert (home / "lake" / "data").is_dir()
    assert os.environ["DAGSTER_HOME"] == str(home / "dagster")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LEEWAY_SPARK_MASTER", "LEEWAY_SPARK"),
        ("LEEWAY_LAKE_CATALOGUE", "LEEWAY_LAKE_CATALOG"),
        ("LEEWAY_DBT_PROJECT_DIR", "DBT_PROJECT_DIR"),
    ],
)
def test_a_mistyped_setting_is_told_with_the_one_that_is_meant(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    settings()
    assert f"{name} is no setting, and ignored: is {meant} meant?" in caplog.text
    assert SECRET not in caplog.text


def test_variables_that_others_read_are_known(home: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("LEEWAY_DEV_SCHEMA", "dev_ann")
    settings()
    assert "no setting" not in caplog.text


def test_a_key_is_made_once_for_the_owner_only(tmp_path: Path, caplog) -> None:
    loaded = Settings(home=tmp_path)
    with caplog.at_level(logging.WARNING, logger="leeway"):
        key = pii_key(loaded)
    path = tmp_path / "pii.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 64
    assert pii_key(loaded) == key
    assert [str(path) in record.message for record in caplog.records] == [True]
    assert key.decode() not in caplog.text


def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    loaded = Settings(home=tmp_path)
    pii_key(loaded)
    (tmp_path / "pii.key").chmod(0o640)
    with pytest.raises(SetupError, match=f"chmod 600 {tmp_path}/pii.key"):
        pii_key(loaded)


def test_a_given_key_is_used_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LEEWAY_PII_KEY", SECRET)
    loaded = Settings(home=tmp_path)
    assert pii_key(loaded) == SECRET.encode()
    assert not (tmp_path / "pii.key").exists()
    for shown in (repr(loaded), str(loaded), loaded.model_dump_json(), str(loaded.environment)):
        assert SECRET not in shown
