"""Numbers of an evaluation, checked against hand counts and scikit-learn."""

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from ml.bins import calibration_bins
from ml.errors import TrainingError
from ml.evaluation import evaluate
from ml.figures import calibration_plot, comparison_plot
from ml.schema import Schema
from ml.task import BINARY

PNG = b"\x89PNG"


def test_row_losses_average_to_the_log_loss_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    labels, predictions = (rng.random(500) < 0.3).astype(float), rng.random(500)
    found = BINARY.measure(labels, predictions)
    assert found["log_loss"] == pytest.approx(log_loss(labels, predictions))
    assert found["brier"] == pytest.approx(brier_score_loss(labels, predictions))
    assert found["log_loss"] == pytest.approx(BINARY.losses(labels, predictions).mean())


def test_a_sure_and_wrong_prediction_has_a_finite_loss() -> None:
    assert BINARY.losses(np.array([1.0]), np.array([0.0]))[0] == pytest.approx(-np.log(1e-6))


def test_labels_of_one_class_have_no_auc() -> None:
    assert BINARY.measure(np.ones(3), np.full(3, 0.5))["roc_auc"] is None


def test_bins_hold_equally_many_rows_and_what_happened_in_them() -> None:
    bins = calibration_bins(np.repeat([0.0, 1.0], 50), np.linspace(0, 1, 100))
    assert [b.rows for b in bins] == [7] * 10 + [6] * 5
    assert [b.rate for b in bins] == [0.0] * 7 + [6 / 7] + [1.0] * 7


def test_calibration_error_is_the_mean_gap_between_said_and_happened() -> None:
    labels = np.tile([1.0, 0.0, 0.0, 0.0], 150)
    assert BINARY.measure(labels, np.full(600, 0.25))["calibration_error"] == pytest.approx(
        0, abs=1e-9
    )
    assert BINARY.measure(labels, np.full(600, 0.35))["calibration_error"] == pytest.approx(0.1)


def test_an_evaluation_compares_models_by_slice_and_day_and_fits_in_json(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    table = customers(300, 4)
    labels = schema.labels(table)
    models = {"sure": np.clip(labels, 0.1, 0.9), "base": np.full(1200, labels.mean())}
    found = evaluate(table, schema, models, slices=["country"], min_slice_rows=250)
    assert found.metrics["sure"]["log_loss"] < found.metrics["base"]["log_loss"]
    assert set(found.slices["sure"]["country"]) <= {"DE", "FR", "GB", "(missing)"}
    assert sum(m["rows"] for m in found.slices["sure"]["country"].values()) > 900
    assert list(found.daily_loss["base"]) == [f"2024-01-0{d}" for d in (1, 2, 3, 4)]
    assert json.loads(json.dumps(found.to_dict()))["metrics"]["base"]["rows"] == 1200


def test_predictions_of_another_length_are_refused(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    with pytest.raises(TrainingError, match="champion has predictions of shape"):
        evaluate(customers(5, 2), schema, {"champion": np.ones(9)})


def test_an_empty_test_is_refused(customers: Callable[..., pa.Table], schema: Schema) -> None:
    with pytest.raises(TrainingError, match="no test rows"):
        evaluate(customers(5, 2).slice(0, 0), schema, {})


def test_figures_are_small_pictures(customers: Callable[..., pa.Table], schema: Schema) -> None:
    table = customers(200, 14)
    labels = schema.labels(table)
    noise = np.random.default_rng(2).random((4, len(labels)))
    models = {f"model {i}": np.clip((labels + 3 * noise[i]) / 4, 0, 1) for i in range(4)}
    evaluation = evaluate(table, schema, models)
    for picture in (
        calibration_plot(evaluation),
        comparison_plot(BINARY, evaluation, labels, models),
    ):
        assert picture.startswith(PNG)
        assert len(picture) < 40_000


def test_levelled_predictions_have_the_labels_mean_and_keep_their_order() -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0])
    moved = BINARY.levelled(labels, np.array([0.0, 0.5, 0.9, 1.0]))
    assert moved.mean() == pytest.approx(0.25)
    assert list(moved) == sorted(moved)
