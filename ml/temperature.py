"""Straighten probabilities on held-out rows with one number, a temperature.

Source: Guo et al., "On Calibration of Modern Neural Networks", 2017. No intercept is fitted: it
would move every prediction towards the held-out entities' base rate of the whole training year,
and that made the log loss of the following weeks worse. The base rate is the pivot instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from ml.evaluation import row_log_loss
from ml.schema import Floats

SMALLEST = 1e-6  # keeps log-odds and log loss finite
# Never above 1: held-out entities share their days with the training rows, later days do not, so
# what looks too unsure on them was too sure afterwards (simulated shop,
# while the defaults were being chosen: log loss 0.569 with slopes up to 2, 0.567 without any).
SLOPES = (0.25, 1.0)


@dataclass(frozen=True)
class Calibration:
    """p -> expit(pivot + slope * (logit(p) - pivot)); `pivot` in log-odds."""

    slope: float = 1.0
    pivot: float = 0.0

    @classmethod
    def fit(cls, labels: Floats, probabilities: Floats) -> "Calibration":
        """Choose the slope with the least log loss on held-out rows, both of shape [rows]."""
        pivot = float(_log_odds(labels.mean(keepdims=True))[0])

        def loss(slope: float) -> float:
            return float(row_log_loss(labels, cls(slope, pivot).apply(probabilities)).mean())

        return cls(float(minimize_scalar(loss, bounds=SLOPES, method="bounded").x), pivot)

    def apply(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities, shape [rows], never quite 0 or 1."""
        straight = expit(self.pivot + self.slope * (_log_odds(probabilities) - self.pivot))
        return np.clip(straight, SMALLEST, 1 - SMALLEST)


IDENTITY = Calibration()


def _log_odds(probabilities: Floats) -> Floats:
    return logit(np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST))
