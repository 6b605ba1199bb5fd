"""A candidate's training that ends too early goes on in the next attempt."""

import logging
from pathlib import Path

import pytest

from lifecycle import candidate, training_set
from lifecycle.registered import registered
from lifecycle.reproduce import compare
from ml.reproduction import Outcome
from resources.run_tracker import RunTracker


class KilledError(Exception):
    pass


@pytest.fixture
def killed_once(monkeypatch) -> None:
    """The first training ends when it tells of its second epoch."""
    told = RunTracker.metrics
    left = [2]

    def metrics(self, values, step) -> None:
        told(self, values, step)
        if step in left:
            left.remove(step)
            raise KilledError

    monkeypatch.setattr(RunTracker, "metrics", metrics)


def test_the_next_attempt_goes_on_where_a_training_ended_and_keeps_no_state(
    make_world, shop_model, killed_once, caplog
) -> None:
    # A name of its own: what another test has registered in the shared MLflow would be adopted.
    fresh = make_world(model=shop_model.model_copy(update={"name": "killed"}))
    caplog.set_level(logging.INFO, "leeway")
    folder = Path(fresh.registry.checkpoints, fresh.model.name)
    as_of = fresh.first_decision
    given = (fresh.lake, fresh.registry, fresh.model, as_of, 1)
    rows = training_set.build(fresh.lake, fresh.model, as_of)
    with pytest.raises(KilledError):
        candidate.train(*given)
    names = [path.name for path in folder.iterdir()]
    assert names == [f"{as_of}-{rows['id']}-candidate-window"]
    [made] = candidate.train(*given).values()
    curve = fresh.registry.client.get_metric_history(made["mlflow_run"], "holdout_loss")
    version = registered(fresh.lake, fresh.registry, fresh.model, made["version"])
    assert "training goes on after epoch 2" in caplog.text
    assert [point.step for point in curve] == list(range(1, len(curve) + 1))
    assert list(folder.iterdir()) == []
    assert compare(fresh.lake, version).outcome is Outcome.BITS  # trained again without a state


def test_a_candidate_is_trained_by_as_many_workers_as_its_declaration_asks_for(
    fresh, monkeypatch
) -> None:
    asked = []
    monkeypatch.setattr(candidate, "fit_and_register", lambda *given: asked.append(given[-2]))
    training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    several = fresh.model.model_copy(
        update={"train": fresh.model.train.model_copy(update={"workers": 3})}
    )
    candidate.train(fresh.lake, fresh.registry, several, fresh.first_decision, 6)
    [config] = asked
    assert (config.workers, config.worker_threads) == (3, 2)
    assert candidate.bits_depend_on(config)["workers"] == "3"
