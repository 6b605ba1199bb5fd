import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from socket import gethostname

import mlflow
import numpy as np
import pyarrow as pa
import pytest

from errors import LostVersionError, RegistryError
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import Tracker
from ml.training import fit
from resources.mlflow_versions import point_mlflow_at
from resources.registry import HOST, PROCESS, Registry, registry_of
from resources.settings import Settings

ROWS, MODEL = 600, "repeat_purchase"


def table() -> pa.Table:
    rng = np.random.default_rng(3)
    visits = rng.poisson(3, ROWS)
    return pa.table(
        {
            "customer_id": [f"c{i}" for i in range(ROWS)],
            "as_of": [date(2024, 1, 1)] * ROWS,
            "visits": pa.array(visits, pa.int32()),
            "country": ["DE" if i % 3 else "FR" for i in range(ROWS)],
            "bought": pa.array((rng.random(ROWS) < visits / 8).astype(int), pa.int32()),
        }
    )


ROW_SCHEMA = Schema.of(table().schema, entity="customer_id", time="as_of", label="bought")


def trained(tracker: Tracker) -> TabularModel:
    rows = table()
    return fit(rows.slice(0, 500), rows.slice(500), ROW_SCHEMA, TrainConfig(epochs=2), tracker)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    before = mlflow.get_tracking_uri()
    yield registry_of(Settings(home=tmp_path_factory.mktemp("mlflow")))
    point_mlflow_at(before)


@pytest.fixture(scope="module")
def registered(registry: Registry) -> tuple[str, int, TabularModel]:
    with registry.run(MODEL, "2024-01-01 candidate", {"kind": "candidate"}) as run:
        fitted = trained(registry.tracker(run))
        version = registry.register(MODEL, run, fitted, {"kind": "candidate"})
    return run, version, fitted


def test_a_registered_version_predicts_the_same_numbers_after_loading(registry, registered) -> None:
    _, version, fitted = registered
    expected = fitted.predict(table())
    assert np.array_equal(registry.load(MODEL, version).predict(table()), expected)


def test_the_served_model_predicts_the_same_numbers_from_raw_columns(registry, registered) -> None:
    _, version, fitted = registered
    served = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    frame = table().select(ROW_SCHEMA.features).to_pandas()
    assert np.allclose(served.predict(frame), fitted.predict(table()), rtol=0, atol=1e-6)


def test_the_version_shows_a_row_that_it_can_predict(registry, registered) -> None:
    _, version, _ = registered
    served = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    assert set(served.input_example.columns) == set(ROW_SCHEMA.features)
    assert served.predict(served.input_example).shape == (1,)


def test_the_served_model_takes_a_missing_value_of_an_integer_column(registry, registered) -> None:
    _, version, fitted = registered
    served = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    rows = pa.table({"visits": pa.array([3, None], pa.int32()), "country": ["DE", "FR"]})
    assert np.allclose(served.predict(rows.to_pandas()), fitted.predict(rows), rtol=0, atol=1e-6)


def test_a_finished_run_keeps_its_settings_and_its_curve(registry, registered) -> None:
    run, _, _ = registered
    found = registry.client.get_run(run)
    curve = registry.client.get_metric_history(run, "holdout_loss")
    assert found.info.status == "FINISHED"
    assert found.data.params["train_rows"] == "500"
    assert [point.step for point in curve] == [1, 2]


def test_an_error_fails_the_run_and_registers_nothing(registry, registered) -> None:
    before = len(registry.client.search_model_versions(f"name = '{MODEL}'"))
    with (
        pytest.raises(ZeroDivisionError),
        registry.run(MODEL, "2024-01-02 candidate", {"kind": "candidate"}) as run,
    ):
        raise ZeroDivisionError
    assert registry.client.get_run(run).info.status == "FAILED"
    assert len(registry.client.search_model_versions(f"name = '{MODEL}'")) == before


def test_the_alias_points_where_it_was_told_last(registry, registered) -> None:
    _, version, _ = registered
    registry.point(MODEL, version)
    registry.point(MODEL, version)
    found = registry.client.get_model_version_by_alias(MODEL, "champion")
    assert int(found.version) == version


def test_a_document_can_be_read_again(registry, registered) -> None:
    run, _, _ = registered
    url = registry.document(run, "calibration/features.json", '{"days": 84, "name": "größe"}')
    assert registry.read(run, "calibration/features.json") == '{"days": 84, "name": "größe"}'
    assert run in url


def test_artifacts_stay_in_home(registry, registered) -> None:
    run, _, _ = registered
    place = registry.client.get_run(run).info.artifact_uri.removeprefix("file://")
    assert Path(place).is_relative_to(Path(registry.artifacts))
    assert not (Path(os.curdir) / "mlruns").exists()


def test_a_tracking_server_decides_itself_where_artifacts_go(tmp_path: Path) -> None:
    served = registry_of(Settings(home=tmp_path, mlflow_uri="http://mlflow:5000"))
    assert served.artifacts == ""


def test_a_registered_version_is_found_by_what_it_says_of_itself(registry, registered) -> None:
    run, version, _ = registered
    registry.client.set_terminated(run, "KILLED")  # its process ended right after it registered
    found = registry.adopted(MODEL, {"kind": "candidate"})
    assert (found.version, found.run_id) == (version, run)
    assert registry.client.get_run(run).info.status == "FINISHED"
    assert registry.adopted(MODEL, {"kind": "candidate", "training_set": "another"}) is None


def test_runs_of_processes_that_are_gone_are_ended_and_those_of_living_ones_go_on(registry) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    experiment = registry.client.create_experiment("orphans", registry.artifacts)
    processes = {"dead": ended.pid, "alive": os.getpid()}
    runs = {
        name: registry.client.create_run(experiment, tags={HOST: gethostname(), PROCESS: str(pid)})
        for name, pid in processes.items()
    }
    with registry.run("orphans", "the next", {"kind": "candidate"}):
        statuses = {
            name: registry.client.get_run(run.info.run_id).info.status for name, run in runs.items()
        }
    assert statuses == {"dead": "KILLED", "alive": "RUNNING"}


def test_a_version_that_mlflow_does_not_have_is_named_with_what_to_do(registry, registered) -> None:
    with pytest.raises(LostVersionError, match=rf"has no {MODEL} version 99 .* from a backup"):
        registry.load(MODEL, 99)


def test_a_version_whose_files_are_gone_is_named_with_what_to_do(registry, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("")
    registry.client.create_registered_model("emptied")
    registry.client.create_model_version("emptied", str(tmp_path))
    with pytest.raises(LostVersionError, match=r"emptied version 1 has no files at .*: restore"):
        registry.load("emptied", 1)


def test_a_server_that_does_not_answer_is_named_with_what_to_do(tmp_path: Path) -> None:
    nobody = registry_of(Settings(home=tmp_path, mlflow_uri="http://127.0.0.1:9"))
    refused = pytest.raises(RegistryError, match=r"(?s)http://127.0.0.1:9 .*Start it")
    before = mlflow.get_tracking_uri()
    with refused, nobody.run(MODEL, "2024-01-01 candidate", {"kind": "candidate"}):
        pytest.fail("a run was opened")
    middle = r"(?s)http://127.0.0.1:9 failed in the middle of repeat_purchase version 1: .*attempt"
    with pytest.raises(RegistryError, match=middle) as found:
        nobody.load(MODEL, 1)
    assert found.value.__cause__ is None  # its words would be all that a run shows
    point_mlflow_at(before)
