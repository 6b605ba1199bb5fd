"""Dagster's runs and MLflow's versions on Postgres, by settings alone."""

from pathlib import Path

import pytest
from dagster import DagsterInstance, Definitions, RunRequest, asset, define_asset_job
from dagster_postgres import PostgresRunStorage

from launch import launch
from resources.connections import served
from resources.registry import registry_of
from resources.settings import Settings, settings


def test_dagster_keeps_runs_events_and_cursors_in_postgres(
    postgres, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEEWAY_DAGSTER_STORAGE", postgres.url(postgres.database()))
    settings()

    @asset
    def counted() -> None:
        """Nothing to keep."""

    location = Definitions(assets=[counted], jobs=[define_asset_job("counted", "counted")])
    with DagsterInstance.get() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        run = launch(location, instance, RunRequest(job_name="counted", run_key="once"))
        instance.daemon_cursor_storage.set_cursor_values({"a sensor": "its cursor"})
    with DagsterInstance.get() as again:
        assert run is not None
        assert again.get_run_by_id(run.run_id).is_success
        assert again.all_logs(run.run_id)
        assert again.daemon_cursor_storage.get_cursor_values({"a sensor"}) == {
            "a sensor": "its cursor"
        }
    assert not list((home / "dagster").rglob("*.db"))


def test_mlflow_keeps_versions_in_postgres_and_files_in_home(postgres, tmp_path: Path) -> None:
    loaded = Settings(home=tmp_path, mlflow_uri=postgres.url(postgres.database()))
    assert not served(loaded.mlflow_uri)
    registry = registry_of(loaded)
    with registry.run("frost", "2024-01-01 candidate", {"kind": "candidate"}) as run:
        registry.document(run, "training_set.json", "{}")
    registry.client.create_registered_model("frost")
    made = registry.client.create_model_version("frost", f"runs:/{run}/model", run)
    registry.point("frost", int(made.version))
    again = registry_of(loaded)
    assert again.pointed("frost") == 1
    assert again.read(run, "training_set.json") == "{}"
    assert list((tmp_path / "mlartifacts").rglob("training_set.json"))
