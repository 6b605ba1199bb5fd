"""Straighten probabilities on held-out rows: Platt scaling of their log-odds.

Source: Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ml.errors import TrainingError
from ml.schema import Floats

SMALLEST = 1e-6  # keeps log-odds and log loss finite


@dataclass(frozen=True)
class Calibration:
    """p -> expit(slope * logit(p) + intercept)."""

    slope: float = 1.0
    intercept: float = 0.0

    @classmethod
    def fit(cls, labels: Floats, probabilities: Floats) -> "Calibration":
        """Fit on held-out rows, both of shape [rows]; raises TrainingError for a single class."""
        if len(np.unique(labels)) < 2:
            raise TrainingError(
                f"all {len(labels)} held-out labels are {labels[:1]}: widen the training window"
            )
        platt = LogisticRegression(C=np.inf).fit(_log_odds(probabilities)[:, None], labels)
        return cls(float(platt.coef_[0, 0]), float(platt.intercept_[0]))

    def apply(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities, shape [rows], never quite 0 or 1."""
        straight = expit(self.slope * _log_odds(probabilities) + self.intercept)
        return np.clip(straight, SMALLEST, 1 - SMALLEST)


IDENTITY = Calibration()


def _log_odds(probabilities: Floats) -> Floats:
    return logit(np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST))
