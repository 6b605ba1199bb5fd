"""What each task makes of labels, of a network's outputs and of predictions."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.special import expit, logit
from sklearn.metrics import log_loss, roc_auc_score

from ml.bins import calibration_bins, calibration_error
from ml.errors import SchemaError
from ml.task import BINARY, Task, task_of

COLOURS = task_of("multiclass", ("red", "green", "blue"))
NUMBER = task_of("regression")
EVERY = pytest.mark.parametrize("task", [BINARY, COLOURS, NUMBER], ids=lambda task: task.name)
RNG = np.random.default_rng(0)


def labels_of(task: Task, rows: int = 400) -> np.ndarray:
    drawn = RNG.integers(max(task.outputs, 2), size=rows).astype(float)
    return drawn if task is not NUMBER else 50 + 20 * RNG.normal(size=rows)


def raw_of(task: Task, rows: int, members: int = 3) -> torch.Tensor:
    return torch.tensor(RNG.normal(size=(rows, members, task.outputs)), dtype=torch.float32)


def test_a_task_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SchemaError, match="'ranking' is not supported: use one of"):
        task_of("ranking")


@pytest.mark.parametrize(("name", "classes"), [("multiclass", ()), ("binary", ("no", "yes"))])
def test_classes_belong_to_multiclass_and_to_nothing_else(name: str, classes: tuple) -> None:
    with pytest.raises(SchemaError, match="name at least two for `multiclass`"):
        task_of(name, classes)


def test_labels_are_read_in_the_order_of_the_declared_classes() -> None:
    read = COLOURS.read(pa.chunked_array([["blue", "red"], ["green", "pink", None]]))
    assert read.tolist()[:3] == [2, 0, 1]
    assert np.isnan(read[3:]).all()


def test_integer_classes_are_read_by_their_digits() -> None:
    assert task_of("multiclass", ("10", "2")).read(pa.array([2, 10])).tolist() == [1, 0]


def test_a_number_must_be_finite_and_a_binary_label_0_or_1() -> None:
    values = pa.array([1.5, float("inf"), None, 1.0])
    assert NUMBER.read(values)[[0, 3]].tolist() == [1.5, 1.0]
    assert np.isnan(NUMBER.read(values)[1:3]).all()
    assert np.isnan(BINARY.read(values)).tolist() == [True, True, True, False]


@EVERY
def test_the_start_predicts_the_best_constant(task: Task) -> None:
    labels, weights = labels_of(task), RNG.uniform(0.5, 2, 400)
    fitted = task.fitted(labels, weights)
    weighted = torch.tensor(weights / weights.mean(), dtype=torch.float32)
    start = fitted.start(fitted.targets(labels), weighted)
    assert start.shape == (task.outputs,)
    predicted = fitted.predictions(start[None])
    assert predicted == pytest.approx(task.constant(labels, weights), rel=1e-4)


def test_training_losses_of_two_classes_are_the_log_loss_of_each_member() -> None:
    raw, labels = raw_of(BINARY, 50), labels_of(BINARY, 50)
    found = BINARY.training_losses(raw, BINARY.targets(labels)).numpy()
    each = [BINARY.losses(labels, expit(raw[:, m, 0].numpy().astype(float))) for m in range(3)]
    assert found == pytest.approx(np.mean(each, axis=0), rel=1e-5)


def test_training_losses_of_classes_are_those_of_torch() -> None:
    raw, targets = raw_of(COLOURS, 50), COLOURS.targets(labels_of(COLOURS, 50))
    each = [
        torch.nn.functional.cross_entropy(raw[:, m], targets, reduction="none") for m in range(3)
    ]
    assert torch.allclose(COLOURS.training_losses(raw, targets), torch.stack(each).mean(dim=0))


def test_a_number_is_trained_in_standard_deviations_of_the_weighted_training_rows() -> None:
    task = NUMBER.fitted(np.array([0.0, 10.0]), np.array([1.0, 3.0]))
    assert task.scale == {"mean": 7.5, "sd": pytest.approx(75**0.5 / 2)}
    raw = torch.tensor([[[1.0], [-1.0]]])
    assert task.training_losses(raw, torch.tensor([0.5])).item() == (0.25 + 2.25) / 2
    assert task.predictions(torch.tensor([[2.0]])) == pytest.approx([7.5 + 2 * task.sd])
    assert task_of("regression", scale=task.scale) == task


@EVERY
def test_members_are_averaged_by_their_predictions(task: Task) -> None:
    raw = raw_of(task, 20)
    each = [task.predictions(raw[:, member]) for member in range(3)]
    averaged = task.predictions(task.averaged(raw))
    assert averaged.shape == task.shape(20)
    assert averaged.dtype == np.float64
    assert averaged == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert task.valid(averaged).all()


@EVERY
def test_predictions_are_kept_as_columns_and_read_back(task: Task) -> None:
    predictions = task.predictions(task.averaged(raw_of(task, 5)))
    table = task.table(predictions)
    assert tuple(table.column_names) == task.columns
    assert set(table.schema.types) == {pa.float64()}
    assert np.array_equal(task.untable(table), predictions)
    assert task.table(np.empty(task.shape(0))).num_rows == 0


@EVERY
def test_a_prediction_that_is_no_number_is_not_valid(task: Task) -> None:
    predictions = task.predictions(task.averaged(raw_of(task, 5)))
    predictions[2, ...] = np.nan
    assert task.valid(predictions).tolist() == [True, True, False, True, True]


def test_probabilities_of_classes_must_add_up_to_one() -> None:
    given = np.array([[0.2, 0.3, 0.5], [0.2, 0.3, 0.4], [-0.1, 0.6, 0.5]])
    assert COLOURS.valid(given).tolist() == [True, False, False]


@EVERY
def test_link_and_unlink_lead_back(task: Task) -> None:
    predictions = task.predictions(task.averaged(raw_of(task, 30)))
    assert task.unlink(task.link(predictions)) == pytest.approx(predictions)


def test_cross_entropy_and_macro_auc_are_those_of_scikit_learn() -> None:
    labels = labels_of(COLOURS)
    predictions = COLOURS.predictions(COLOURS.averaged(raw_of(COLOURS, 400)))
    found = COLOURS.measure(labels, predictions)
    assert found["log_loss"] == pytest.approx(log_loss(labels, predictions))
    auc = roc_auc_score(labels, predictions, multi_class="ovr", average="macro")
    assert found["roc_auc"] == pytest.approx(auc)
    assert found["accuracy"] == (predictions.argmax(axis=1) == labels).mean()
    each = [calibration_bins((labels == k) * 1.0, predictions[:, k]) for k in range(3)]
    assert found["calibration_error"] == pytest.approx(np.mean([*map(calibration_error, each)]))


def test_without_a_row_of_some_class_there_is_no_macro_auc() -> None:
    predictions = np.full((4, 3), 1 / 3)
    assert COLOURS.measure(np.array([0.0, 1.0, 1.0, 0.0]), predictions)["roc_auc"] is None


def test_metrics_of_a_number_are_in_its_unit() -> None:
    found = NUMBER.measure(np.array([0.0, 2.0, 4.0]), np.array([1.0, 2.0, 6.0]))
    assert found["squared_error"] == pytest.approx(5 / 3)
    assert found["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert found["mae"] == 1.0
    assert found["bias"] == 1.0
    assert found["r2"] == pytest.approx(1 - (5 / 3) / (8 / 3))
    assert found["calibration_error"] == 1.0
    assert NUMBER.measure(np.ones(3), np.ones(3))["r2"] is None


@EVERY
def test_levelled_predictions_have_the_mean_of_the_labels(task: Task) -> None:
    labels, off = labels_of(task), raw_of(task, 400) + torch.linspace(-1, 1, task.outputs)
    predictions = task.predictions(task.averaged(off))
    moved = task.levelled(labels, predictions)
    assert moved.mean(axis=0) == pytest.approx(task.constant(labels)[0], abs=1e-5)
    away = task.link(moved) - task.link(predictions)
    away = away - away.mean(axis=1, keepdims=True) if away.ndim > 1 else away
    assert away == pytest.approx(np.broadcast_to(away[0], away.shape), abs=1e-4)


def test_probabilities_expect_their_own_entropy_and_numbers_expect_nothing() -> None:
    assert COLOURS.expected_loss([np.full(9, 1 / 3)] * 3) == pytest.approx(np.log(3))
    assert BINARY.expected_loss([np.array([0.5, 1.0])]) == pytest.approx(np.log(2) / 2)
    assert np.isnan(COLOURS.expected_loss([np.empty(0)] * 3))
    assert NUMBER.expected_loss([np.array([1.0])]) is None


@EVERY
def test_labels_that_never_vary_cannot_be_learned(task: Task) -> None:
    assert task.untrainable(labels_of(task)) is None
    assert task.untrainable(np.zeros(9))


def test_two_of_three_classes_cannot_be_learned_and_the_missing_one_is_named() -> None:
    assert "class blue" in COLOURS.untrainable(np.array([0.0, 1.0, 1.0]))


def test_one_unit_is_what_0_and_1_in_equal_shares_are_apart() -> None:
    assert BINARY.unit_of(np.zeros(4)) == COLOURS.unit_of(np.zeros((4, 3))) == 1.0
    assert NUMBER.unit_of(np.array([0.0, 1.0])) == 1.0
    assert NUMBER.unit_of(np.array([10.0, 30.0])) == 20.0


def test_the_pivot_of_two_classes_is_that_of_one_probability() -> None:
    p = np.array([0.1, 0.4, 0.8])
    pair = task_of("multiclass", ("no", "yes"))
    moved = pair.unlink(0.5 * pair.link(np.column_stack([1 - p, p])))
    assert moved[:, 1] == pytest.approx(BINARY.unlink(0.5 * logit(p)))
