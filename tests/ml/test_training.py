"""The tabular estimator learns, and repeats itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml.baselines import fit_baselines
from ml.errors import TrainingError
from ml.recipes import Recipe, recipes
from ml.schema import Schema
from ml.splits import Parts, Windows, alarm, normal
from ml.tabular import TabularModel, TrainConfig
from ml.task import BINARY
from ml.tracker import NoTracker
from ml.training import batches_of, fit, linear_share

CONFIG = TrainConfig(seed=3, threads=1, epochs=6, batch_rows=256, width=16, members=2)


class Recorder:
    checkpoint = None

    def __init__(self) -> None:
        self.settings: dict[str, object] = {}
        self.epochs: list[dict[str, float]] = []

    def params(self, values: dict[str, object]) -> None:
        self.settings = dict(values)

    def metrics(self, values: dict[str, float], step: int) -> None:
        self.epochs.append({**values, "step": step})


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.fixture(scope="module")
def parts(customers: Callable[..., pa.Table], schema: Schema) -> Parts:
    windows = Windows(horizon_days=5, test_days=5)
    split = normal(date(2024, 2, 14), windows, Recipe("window", 60, 1))
    return split.parts(customers(300, 40), schema)


@pytest.fixture(scope="module")
def model(parts: Parts, schema: Schema) -> TabularModel:
    return fit(parts.train, parts.holdout, schema, CONFIG, NoTracker())


def test_the_model_finds_a_rule_that_the_base_rate_does_not_know(
    parts: Parts, schema: Schema, model: TabularModel
) -> None:
    labels = schema.labels(parts.test)
    found = BINARY.measure(labels, model.predict(parts.test))
    base = BINARY.measure(labels, np.full(len(labels), schema.labels(parts.train).mean()))
    assert found["log_loss"] < 0.95 * base["log_loss"]
    assert found["roc_auc"] is not None
    assert found["roc_auc"] > 0.7


def test_the_same_seed_repeats_every_weight_and_prediction_to_the_bit(
    parts: Parts, schema: Schema, model: TabularModel
) -> None:
    torch.rand(5)  # the caller's random state is none of the model's business
    again = fit(parts.train, parts.holdout, schema, CONFIG, NoTracker())
    assert again.digest() == model.digest()
    assert np.array_equal(again.predict(parts.test), model.predict(parts.test))


def test_another_seed_gives_another_model(
    parts: Parts, schema: Schema, model: TabularModel
) -> None:
    other = fit(parts.train, parts.holdout, schema, replace(CONFIG, seed=4), NoTracker())
    assert other.digest() != model.digest()


def test_training_leaves_the_callers_random_state_and_threads_alone(
    parts: Parts, schema: Schema
) -> None:
    torch.manual_seed(11)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(11)
    fit(parts.train, parts.holdout, schema, replace(CONFIG, epochs=1), NoTracker())
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_refit_runs_the_chosen_epochs_and_keeps_the_calibration(
    parts: Parts, schema: Schema, model: TabularModel
) -> None:
    everything = pa.concat_tables([parts.train, parts.holdout])
    refit = fit(everything, None, schema, model.refit_config, NoTracker())
    assert refit.epochs_run == model.epochs_run
    assert refit.calibration == model.calibration
    correlation = np.corrcoef(refit.predict(parts.test), model.predict(parts.test))[0, 1]
    assert correlation > 0.8


def test_a_fit_without_holdout_must_know_when_to_stop(parts: Parts, schema: Schema) -> None:
    with pytest.raises(TrainingError, match="stop_after"):
        fit(parts.train, None, schema, CONFIG, NoTracker())
    with pytest.raises(TrainingError, match="holdout has no rows"):
        fit(parts.train, parts.holdout.slice(0, 0), schema, CONFIG, NoTracker())


def test_labels_that_are_all_the_same_are_refused(parts: Parts, schema: Schema) -> None:
    same = replaced(parts.train, "repurchased", np.zeros(parts.train.num_rows, int))
    with pytest.raises(TrainingError, match=r"the label is 0 in all .* training rows"):
        fit(same, parts.holdout, schema, CONFIG, NoTracker())


def test_few_rows_teach_about_as_much_as_they_teach_a_logistic_regression(
    parts: Parts, schema: Schema
) -> None:
    few = replace(parts, train=parts.train.slice(0, 1500))
    model = fit(few.train, few.holdout, schema, TrainConfig(), NoTracker())
    logistic = fit_baselines(few, schema, TrainConfig())["logistic"]
    labels = schema.labels(parts.test)
    found = BINARY.measure(labels, model.predict(parts.test))["log_loss"]
    assert found < 1.005 * BINARY.measure(labels, logistic.predict(parts.test))["log_loss"]


def test_the_linear_path_gives_way_as_rows_of_weight_are_added() -> None:
    config = TrainConfig(linear_rows=1000)
    assert linear_share(torch.ones(1000), config) == pytest.approx(0.5)
    assert linear_share(torch.ones(9000), config) == pytest.approx(0.1)
    ballast = torch.cat([torch.ones(1000), torch.full((8000,), 1e-6)])
    assert linear_share(ballast, config) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("rows", "batches"), [(50, 1), (1280, 10), (12_800, 60), (61_440, 60), (102_400, 100)]
)
def test_batches_are_small_for_few_rows_and_bounded_for_many(rows: int, batches: int) -> None:
    config = TrainConfig(batches=60, least_batch_rows=128, batch_rows=1024)
    assert batches_of(rows, config) == batches


def test_rows_of_negligible_weight_are_not_learned_from(parts: Parts, schema: Schema) -> None:
    flipped = replaced(parts.train, "repurchased", 1 - parts.train["repurchased"].to_numpy())
    mixed = pa.concat_tables([parts.train, flipped])
    weights = np.repeat([1.0, 1e-6], parts.train.num_rows)
    labels = schema.labels(parts.test)
    model = fit(mixed, parts.holdout, schema, CONFIG, NoTracker(), weights)
    found = BINARY.measure(labels, model.predict(parts.test))["roc_auc"]
    assert found is not None
    assert found > 0.7


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_weights_that_are_not_positive_are_refused(
    parts: Parts, schema: Schema, weight: float
) -> None:
    weights = np.full(parts.train.num_rows, weight)
    with pytest.raises(TrainingError, match="one positive number per training row"):
        fit(parts.train, parts.holdout, schema, CONFIG, NoTracker(), weights)


def test_the_tracker_hears_the_settings_and_every_epoch(parts: Parts, schema: Schema) -> None:
    tracker = Recorder()
    fit(parts.train, parts.holdout, schema, CONFIG, tracker)
    assert tracker.settings["seed"] == 3
    assert tracker.settings["train_rows"] == parts.train.num_rows
    assert [epoch["step"] for epoch in tracker.epochs] == [1, 2, 3, 4, 5, 6]
    assert tracker.epochs[-1]["train_loss"] < tracker.epochs[0]["train_loss"]


def test_a_model_without_numbers_and_one_without_categories_are_possible(parts: Parts) -> None:
    for numeric, categorical in ((), ("country",)), (("visits",), ()):
        schema = Schema("customer_id", "as_of", "repurchased", numeric, categorical)
        model = fit(parts.train, parts.holdout, schema, replace(CONFIG, epochs=1), NoTracker())
        predictions = model.predict(parts.test)
        assert len(np.unique(predictions)) > 1


def test_preprocessing_is_fitted_on_training_rows_only(parts: Parts, schema: Schema) -> None:
    strange = replaced(parts.holdout, "spend", np.full(parts.holdout.num_rows, 1e9))
    model = fit(parts.train, strange, schema, replace(CONFIG, epochs=1), NoTracker())
    seen = parts.train["spend"].to_numpy()
    assert model.preprocessing.edges[schema.numeric.index("spend")][-1] == np.nanmax(seen)


def test_the_alarm_lane_learns_a_changed_concept_from_five_matured_days(
    customers: Callable[..., pa.Table], schema: Schema, model: TabularModel
) -> None:
    changed, as_of = date(2024, 2, 5), date(2024, 2, 14)
    table = customers(600, 40)
    new = np.asarray(table["as_of"].to_numpy() >= np.datetime64(changed))
    old_labels = table["repurchased"].to_numpy()
    table = replaced(table, "repurchased", np.where(new, 1 - old_labels, old_labels))
    [recipe] = recipes(["change"], 180, 1, changed)
    split = alarm(as_of, Windows(horizon_days=5), recipe, changed)
    parts = split.parts(table, schema)
    champion = BINARY.measure(schema.labels(parts.test), model.predict(parts.test))
    candidate = fit(parts.train, parts.holdout, schema, CONFIG, NoTracker(), parts.weights)
    found = BINARY.measure(schema.labels(parts.test), candidate.predict(parts.test))
    assert len(split.test_days) == 5
    assert champion["roc_auc"] is not None
    assert found["roc_auc"] is not None
    assert champion["roc_auc"] < 0.4 < 0.6 < found["roc_auc"]
