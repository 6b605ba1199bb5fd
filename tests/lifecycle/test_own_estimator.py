"""A user's own network from candidate to scoring, in a real lake and MLflow."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

import ledger
from declared_learning import Gate, Train
from errors import LeewayError, RegistryError
from examples import features
from lifecycle import card
from lifecycle.reload import reloaded_predictions
from lifecycle.replaying import plan_of, world_of
from lifecycle.reproduce import reproduce
from ml.replay.replay import run, span
from ml.reproduction import Outcome

NETWORKS = Path(__file__).parents[1] / "projects" / "networks"
ONE_LAYER = "shop_networks:one_layer"
ONE_DAY = timedelta(days=1)
SERVED = """
import sys, mlflow, numpy, pandas
uri, model, rows, out = sys.argv[1:]
mlflow.set_tracking_uri(uri)
numpy.save(out, mlflow.pyfunc.load_model(model).predict(pandas.read_parquet(rows)))
"""


@pytest.fixture(scope="module")
def own_model(shop_model):
    """The world's model, trained by the user's network on few rows."""
    train = Train(every_days=3, min_rows=1000, recipes=("window",), estimator=ONE_LAYER)
    gate = Gate(test_days=10, min_rows=500, slices=("country",))
    return shop_model.model_copy(update={"name": "one_layer", "train": train, "gate": gate})


@pytest.fixture(scope="module")
def world(make_world, rows, own_model):
    """A first model of the user's own: decided, trained, judged, live for a few days."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(NETWORKS))
        patch.setenv("PYTHONPATH", str(NETWORKS))
        few = rows.filter(pc.less(rows["customer_id"], "c300"))
        made = make_world(few, own_model)
        made.decide(made.first_decision)
        made.train(made.first_decision)
        made.score(made.first_decision + ONE_DAY, made.first_decision + 3 * ONE_DAY)
        yield made


@pytest.fixture(scope="module")
def live(world) -> dict:
    """The verdict of the first decision."""
    return ledger.verdict_on(world.lake, world.model.name, world.first_decision)


def test_it_passes_the_gate_and_is_refitted(world, live) -> None:
    rows = world.lake.rows("select version, kind from ledger.versions order by version")
    assert live["promoted"], live["reasons"]
    assert [row["kind"] for row in rows] == ["candidate", "refit"]
    assert live["version"] == rows[1]["version"]
    checks = {check["name"]: check for check in live["checks"]}
    assert checks["difference after reload"]["value"] == 0


def test_it_scores_every_customer_of_the_days_that_follow(world, live) -> None:
    [found] = world.lake.rows(
        """select count(*) as rows, min(version) as version, min(prediction) as low,
        max(prediction) as high from ml.one_layer_predictions"""
    )
    assert (found["rows"], found["version"]) == (900, live["version"])
    assert 0 < found["low"] < found["high"] < 1


def test_a_version_remembers_what_it_was_made_by(world, live) -> None:
    tags = world.registry.client.get_model_version("one_layer", str(live["version"])).tags
    assert tags["estimator"] == ONE_LAYER


def test_a_clean_process_predicts_the_same(world, live) -> None:
    rows = features(world.lake, world.model, [world.first_decision])
    version, declared = live["version"], world.model.train.declared
    given = world.registry.load("one_layer", version, declared).predict(rows)
    again = reloaded_predictions(world.registry, "one_layer", version, rows, declared)
    np.testing.assert_array_equal(again, given)
    kept = world.lake.read(
        "select prediction from ml.one_layer_predictions where as_of = ? order by customer_id",
        [world.first_decision + ONE_DAY],
    )
    next_day = features(world.lake, world.model, [world.first_decision + ONE_DAY])
    scored = world.registry.load("one_layer", version, declared).predict(next_day)
    np.testing.assert_array_equal(kept["prediction"].to_numpy(), scored)


def test_a_clean_process_that_does_not_come_to_an_end_is_ended(world, live, monkeypatch) -> None:
    rows = features(world.lake, world.model, [world.first_decision])
    monkeypatch.setattr("lifecycle.reload.WITHIN", 0.01)
    slow = rf"one_layer {live['version']} does not load and predict .* see what shop_networks"
    with pytest.raises(LeewayError, match=slow) as found:
        reloaded_predictions(
            world.registry, "one_layer", live["version"], rows, world.model.train.declared
        )
    assert found.value.__cause__ is None  # its words would be all that a run shows


def test_mlflow_serves_it_where_its_module_is_on_the_path(world, live, tmp_path) -> None:
    rows = features(world.lake, world.model, [world.first_decision])
    declared, columns = world.model.train.declared, ["visits", "spend", "country"]
    rows.select(columns).to_pandas().to_parquet(tmp_path / "rows.parquet")
    name = f"models:/one_layer/{live['version']}"
    script = [sys.executable, "-c", SERVED, world.registry.uri, name]
    places = [str(tmp_path / "rows.parquet"), str(tmp_path / "out.npy")]
    subprocess.run([*script, *places], cwd=tmp_path, check=True, capture_output=True)
    given = world.registry.load("one_layer", live["version"], declared).predict(rows)
    assert np.allclose(np.load(tmp_path / "out.npy"), given, rtol=0, atol=1e-6)


def test_a_version_of_an_estimator_that_is_not_declared_is_not_imported(world, live) -> None:
    with pytest.raises(RegistryError, match=r"'shop_networks:one_layer'.*train.earlier_estimators"):
        world.registry.load("one_layer", live["version"], ("tabular",))


def test_an_earlier_estimator_s_version_goes_on_scoring(world, live) -> None:
    """The declaration has moved on, the version of the own network is still live."""
    train = Train(min_rows=1000, estimator="small", earlier_estimators=(ONE_LAYER,))
    moved_on = world.model.model_copy(update={"train": train})
    fitted = world.registry.load("one_layer", live["version"], moved_on.train.declared)
    assert type(fitted).__name__ == "OneLayer"


def test_a_replay_trains_it_too(world) -> None:
    days = span(world.first_decision, world.first_decision + 2 * ONE_DAY)
    past = world_of(world.lake, world.model, days[0], days[-1])
    plan = plan_of(world.model.model_copy(update={"train": Train(min_rows=1000)}), ONE_LAYER, 1)
    outcome = run(past, plan, days, "never")
    assert [deployed.version for deployed in outcome.deployments] == [1]


@pytest.mark.parametrize("version", [1, 2])
def test_candidate_and_refit_are_reproduced(world, live, version: int) -> None:
    found = reproduce(world.lake, world.registry, world.model, version)
    assert found.outcome is Outcome.BITS, found.told


def test_its_card_names_it(world, live) -> None:
    card.publish(world.lake, world.registry, world.model, world.first_decision)
    query = "select mlflow_run from ledger.versions where version = ?"
    [row] = world.lake.rows(query, [live["version"]])
    page = world.registry.read(row["mlflow_run"], card.DOCUMENT)
    assert ONE_LAYER in page
    assert "Promoted" in page


def test_what_the_platform_registers_needs_no_code_of_an_artifact(world, live, tmp_path) -> None:
    """The folder that is loaded holds numbers and text; the module is not in the artifact."""
    folder = world.registry.download("one_layer", live["version"], tmp_path)
    assert {file.name for file in folder.iterdir()} == {"described.json", "weights.pt"}
    assert not list(tmp_path.rglob("shop_networks*"))
