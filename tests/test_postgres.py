"""Dagster's runs and MLflow's versions on Postgres, by settings alone."""

from datetime import date
from pathlib import Path

import mlflow
import numpy as np
import pyarrow as pa
import pytest
from dagster import DagsterInstance, Definitions, RunRequest, asset, define_asset_job
from dagster_postgres import PostgresRunStorage

from errors import RegistryError
from launch import launch
from ml.schema import Schema
from ml.tabular import TrainConfig
from ml.training import fit
from resources.connections import served
from resources.mlflow_versions import point_mlflow_at
from resources.registry import Registry, registry_of
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


@pytest.fixture(scope="module")
def database(postgres) -> str:
    return postgres.database()


@pytest.fixture(scope="module")
def registry(postgres, database: str, tmp_path_factory: pytest.TempPathFactory):
    before = mlflow.get_tracking_uri()
    home = tmp_path_factory.mktemp("home")
    yield registry_of(Settings(home=home, mlflow_uri=postgres.url(database)))
    point_mlflow_at(before)


def frost() -> pa.Table:
    rng = np.random.default_rng(3)
    celsius = rng.uniform(-5, 20, 300)
    return pa.table(
        {
            "sensor": [f"s{n}" for n in range(300)],
            "as_of": [date(2024, 3, 1)] * 300,
            "celsius": celsius,
            "froze": (celsius < 0).astype(int),
        }
    )


def test_mlflow_keeps_a_model_in_postgres_and_its_files_in_home(registry) -> None:
    assert not served(registry.uri)
    rows = frost()
    schema = Schema.of(rows.schema, entity="sensor", time="as_of", label="froze")
    with registry.run("frost", "2024-03-01 candidate", {"kind": "candidate"}) as run:
        tracker, config = registry.tracker(run), TrainConfig(epochs=1)
        fitted = fit(rows.slice(0, 200), rows.slice(200), schema, config, tracker)
        version = registry.register("frost", run, fitted, {"kind": "candidate"})
    registry.point("frost", version)
    again = Registry(uri=registry.uri, artifacts=registry.artifacts, url=registry.url)
    assert again.pointed("frost") == version
    assert again.client.get_run(run).info.status == "FINISHED"
    np.testing.assert_array_equal(again.load("frost", version).predict(rows), fitted.predict(rows))
    assert list(Path(registry.artifacts).rglob("weights*"))


def test_mlflow_that_dies_in_the_middle_is_named_and_hides_no_other_error(
    postgres, registry, database: str
) -> None:
    def fail() -> None:
        with registry.run("frost", "2024-03-02 candidate", {"kind": "candidate"}):
            postgres.drop(database)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    [note] = caught.value.__notes__
    assert "could not be marked as failed" in note
    with (
        pytest.raises(RegistryError, match="next attempt"),
        registry.run("frost", "2024-03-02 candidate", {"kind": "candidate"}),
    ):
        pytest.fail("a run was opened")
