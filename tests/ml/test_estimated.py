"""The loss that calibrated probabilities expect of themselves."""

from datetime import date, timedelta

import numpy as np
import pytest

from ml.estimated import ExpectedLoss, check, expected_loss, usual
from ml.sketch import ColumnSketch, sketch_table
from ml.task import BINARY, Task, task_of

RANDOM = np.random.default_rng(3)


def predictions(sharpness: float, rows: int = 5000) -> np.ndarray:
    return 1 / (1 + np.exp(-sharpness * RANDOM.normal(size=rows)))


def sketched(task: Task, values: np.ndarray) -> dict[str, ColumnSketch]:
    return sketch_table(task.table(values), 256)


def day(sharpness: float) -> dict[str, ColumnSketch]:
    return sketched(BINARY, predictions(sharpness))


def test_of_calibrated_probabilities_the_expected_loss_is_the_true_one() -> None:
    p = predictions(1.5, rows=100_000)
    labels = (RANDOM.random(len(p)) < p).astype(float)
    expected = expected_loss(BINARY, sketched(BINARY, p))
    assert expected == pytest.approx(float(BINARY.losses(labels, p).mean()), rel=0.01)


def test_of_several_classes_it_is_the_entropy_of_all_of_them() -> None:
    task = task_of("multiclass", ("low", "mid", "high"))
    p = RANDOM.dirichlet([1.0, 2.0, 3.0], size=100_000)
    labels = (p.cumsum(axis=1) < RANDOM.random((len(p), 1))).sum(axis=1).astype(float)
    expected = expected_loss(task, sketched(task, p))
    assert expected == pytest.approx(float(task.losses(labels, p).mean()), rel=0.01)


def test_a_number_says_nothing_of_how_wrong_it_is() -> None:
    task = task_of("regression")
    days = {date(2024, 1, 1) + timedelta(n): sketched(task, RANDOM.normal(size=50)) for n in (0, 1)}
    state = check(task, usual(task, days.values()), days)
    assert not state.raised
    assert state.reason == "a predicted number does not say how wrong it may be: wait for labels"


def test_certainty_expects_no_loss_and_no_prediction_expects_nothing() -> None:
    assert expected_loss(BINARY, sketched(BINARY, np.array([0.0, 1.0]))) == 0
    assert np.isnan(expected_loss(BINARY, sketched(BINARY, np.empty(0))))


def test_less_certain_predictions_warn_and_never_alarm() -> None:
    reference = usual(BINARY, [day(1.5) for _ in range(30)])
    days = {date(2024, 1, 1) + timedelta(n): day(0.5) for n in range(3)}
    state = check(BINARY, reference, days)
    assert (state.raised, state.severity) == (True, "WARN")
    assert state.statistic > state.threshold > reference.mean
    steady = check(BINARY, reference, {date(2024, 1, 1): day(1.5)})
    assert not steady.raised


def test_without_days_nothing_is_said() -> None:
    assert not check(BINARY, ExpectedLoss(30, 0.5, 0.01), {}).raised
    assert not check(BINARY, ExpectedLoss(2, 0.5, 0.0), {date(2024, 1, 1): day(0.1)}).raised
