"""The loss that calibrated probabilities expect of themselves."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.estimated import ExpectedLoss, check, expected_log_loss, usual
from ml.evaluation import row_log_loss
from ml.sketch import ColumnSketch, sketch

RANDOM = np.random.default_rng(3)


def predictions(sharpness: float, rows: int = 5000) -> np.ndarray:
    return 1 / (1 + np.exp(-sharpness * RANDOM.normal(size=rows)))


def day(sharpness: float) -> ColumnSketch:
    return sketch(pa.array(predictions(sharpness)), 256)


def test_of_calibrated_probabilities_the_expected_loss_is_the_true_one() -> None:
    p = predictions(1.5, rows=100_000)
    labels = (RANDOM.random(len(p)) < p).astype(float)
    expected = expected_log_loss(sketch(pa.array(p), 256))
    assert expected == pytest.approx(float(row_log_loss(labels, p).mean()), rel=0.01)


def test_certainty_expects_no_loss_and_no_prediction_expects_nothing() -> None:
    assert expected_log_loss(sketch(pa.array([0.0, 1.0]))) == 0
    assert np.isnan(expected_log_loss(sketch(pa.array([], pa.float64()))))


def test_less_certain_predictions_warn_and_never_alarm() -> None:
    reference = usual([day(1.5) for _ in range(30)])
    days = {date(2024, 1, 1) + timedelta(n): day(0.5) for n in range(3)}
    state = check(reference, days)
    assert (state.raised, state.severity) == (True, "WARN")
    assert state.statistic > state.threshold > reference.mean
    steady = check(reference, {date(2024, 1, 1): day(1.5)})
    assert not steady.raised


def test_without_days_nothing_is_said() -> None:
    assert not check(ExpectedLoss(30, 0.5, 0.01), {}).raised
    assert not check(ExpectedLoss(2, 0.5, 0.0), {date(2024, 1, 1): day(0.1)}).raised
