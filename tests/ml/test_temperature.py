"""Held-out rows may make predictions less sure, never more."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.task import BINARY, task_of
from ml.temperature import IDENTITY, SLOPES, Calibration

RNG = np.random.default_rng(0)
LOG_ODDS = RNG.normal(-1, 1, 20_000)
LABELS = (RNG.random(20_000) < expit(LOG_ODDS)).astype(float)
PIVOT = float(logit(LABELS.mean()))


def stretched(by: float) -> np.ndarray:
    return expit(PIVOT + by * (LOG_ODDS - PIVOT))


def test_predictions_that_are_too_sure_are_shrunk_towards_the_base_rate() -> None:
    calibration = Calibration.fit(BINARY, LABELS, stretched(2.0))
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    assert calibration.apply(BINARY, stretched(2.0)) == pytest.approx(expit(LOG_ODDS), abs=0.03)


def test_predictions_that_are_not_sure_enough_are_left_as_they_are() -> None:
    assert Calibration.fit(BINARY, LABELS, stretched(0.5)).slope == pytest.approx(
        SLOPES[1], abs=1e-4
    )


def test_no_probability_is_quite_zero_or_one() -> None:
    applied = IDENTITY.apply(BINARY, np.array([0.0, 0.3, 1.0]))
    assert applied == pytest.approx([1e-6, 0.3, 1 - 1e-6])


def test_of_two_classes_the_slope_is_that_of_one_probability() -> None:
    pair = task_of("multiclass", ("no", "yes"))
    p = stretched(2.0)
    calibration = Calibration.fit(pair, LABELS, np.column_stack([1 - p, p]))
    alone = Calibration.fit(BINARY, LABELS, p)
    assert calibration.slope == pytest.approx(alone.slope, abs=1e-3)
    calibrated = calibration.apply(pair, np.column_stack([1 - p, p]))
    assert calibrated[:, 1] == pytest.approx(alone.apply(BINARY, p), abs=1e-3)
    assert pair.valid(calibrated).all()
    assert Calibration.from_dict(json.loads(json.dumps(asdict(calibration)))) == calibration


def test_a_number_is_shrunk_towards_the_mean_label_by_its_noise() -> None:
    number = task_of("regression")
    signal = 100 + 10 * RNG.normal(size=20_000)
    labels = signal + RNG.normal(size=20_000)
    noisy = signal + 10 * RNG.normal(size=20_000)
    calibration = Calibration.fit(number, labels, noisy)
    assert calibration.slope == pytest.approx(0.5, abs=0.02)
    assert calibration.pivot == pytest.approx(labels.mean())
