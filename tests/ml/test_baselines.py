"""Baselines see what the candidate sees."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from ml import baselines
from ml.baselines import fit_baselines
from ml.recipes import Recipe
from ml.schema import Schema
from ml.splits import Windows, alarm, normal
from ml.tabular import TrainConfig
from ml.task import BINARY, Task, task_of

CONFIG = TrainConfig(threads=1)
WINDOWS = Windows(horizon_days=5, test_days=5)
AS_OF = date(2024, 2, 14)
WINDOW, FADING = Recipe("window", 60, 1), Recipe("fading", 60, 1, half_life_days=10)


@pytest.mark.parametrize("lane", [normal, alarm])
def test_each_baseline_is_a_probability_and_the_trees_know_more_than_the_base_rate(
    customers: Callable[..., pa.Table], schema: Schema, lane: Callable
) -> None:
    parts = lane(AS_OF, WINDOWS, WINDOW).parts(customers(300, 40), schema)
    labels = schema.labels(parts.test)
    losses = {}
    for name, model in fit_baselines(parts, schema, CONFIG).items():
        predictions = model.predict(parts.test)
        assert ((predictions > 0) & (predictions < 1)).all()
        losses[name] = BINARY.measure(labels, predictions)["log_loss"]
    assert losses["lightgbm"] < losses["base_rate"]
    assert losses["logistic"] < losses["base_rate"]


def test_the_base_rate_is_that_of_the_weighted_training_rows(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    parts = alarm(AS_OF, WINDOWS, FADING).parts(customers(300, 40), schema)
    expected = np.average(schema.labels(parts.train), weights=parts.weights)
    predictions = fit_baselines(parts, schema, CONFIG)["base_rate"].predict(parts.test)
    assert np.unique(predictions) == pytest.approx([expected])


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_model_may_have_columns_of_one_kind_only(
    customers: Callable[..., pa.Table], schema: Schema, kind: str
) -> None:
    parts = normal(AS_OF, WINDOWS, WINDOW).parts(customers(300, 40), schema)
    one_kind = replace(schema, **{"numeric": (), "categorical": (), kind: getattr(schema, kind)})
    fitted = fit_baselines(parts, one_kind, CONFIG)
    for model in fitted.values():
        predictions = model.predict(parts.test)
        assert (predictions.shape, predictions.dtype) == ((parts.test.num_rows,), np.float64)


def test_rows_are_predicted_in_parts_as_they_are_together(
    customers: Callable[..., pa.Table], schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = normal(AS_OF, WINDOWS, WINDOW).parts(customers(300, 40), schema)
    fitted = fit_baselines(parts, schema, CONFIG)
    whole = {name: model.predict(parts.test) for name, model in fitted.items()}
    monkeypatch.setattr(baselines, "ROWS", 7)
    for name, model in fitted.items():
        np.testing.assert_allclose(model.predict(parts.test), whole[name], rtol=1e-6)


@pytest.mark.parametrize("task", [BINARY, task_of("multiclass", ("a", "b", "c"))])
def test_the_logistic_regression_has_the_least_loss_that_its_ridge_allows(task: Task) -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(500, 3)).astype(np.float32)
    columns = np.hstack([columns, columns[:, :1], np.zeros((500, 1), np.float32)])
    labels = (columns[:, 0] + rng.normal(size=500) > 0) + (columns[:, 1] > 1) * (task != BINARY)
    weights = np.linspace(0.5, 1.5, 500)
    exact = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000).fit(columns, labels, weights)
    found = task.linear(0.1).fit(columns, labels, weights)
    expected = task.linear_predictions(exact, columns)
    np.testing.assert_allclose(task.linear_predictions(found, columns), expected, atol=1e-4)
