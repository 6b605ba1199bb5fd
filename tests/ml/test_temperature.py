"""Held-out rows may make predictions less sure, never more."""

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.temperature import IDENTITY, SLOPES, Calibration

RNG = np.random.default_rng(0)
LOG_ODDS = RNG.normal(-1, 1, 20_000)
LABELS = (RNG.random(20_000) < expit(LOG_ODDS)).astype(float)
PIVOT = float(logit(LABELS.mean()))


def stretched(by: float) -> np.ndarray:
    return expit(PIVOT + by * (LOG_ODDS - PIVOT))


def test_predictions_that_are_too_sure_are_shrunk_towards_the_base_rate() -> None:
    calibration = Calibration.fit(LABELS, stretched(2.0))
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    assert calibration.apply(stretched(2.0)) == pytest.approx(expit(LOG_ODDS), abs=0.03)


def test_predictions_that_are_not_sure_enough_are_left_as_they_are() -> None:
    assert Calibration.fit(LABELS, stretched(0.5)).slope == pytest.approx(SLOPES[1], abs=1e-4)


def test_no_probability_is_quite_zero_or_one() -> None:
    applied = IDENTITY.apply(np.array([0.0, 0.3, 1.0]))
    assert applied == pytest.approx([1e-6, 0.3, 1 - 1e-6])
