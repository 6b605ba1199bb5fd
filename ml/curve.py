"""How well predictions tell rows apart, as a curve for a plot."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Curve:
    """Points of a curve with the words of its axes."""

    title: str
    x_label: str
    y_label: str
    x: Floats
    y: Floats


def roc(happened: Floats, probabilities: Floats) -> Curve:
    """The ROC curve of rows of shape [rows] that did (1) or did not (0) happen."""
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(happened, probabilities)
    return Curve("ROC", "false positive rate", "true positive rate", false_positive, true_positive)


def errors(labels: Floats, predictions: Floats) -> Curve:
    """Share of rows within an absolute error, up to the one that 95 % of rows stay within.

    Source: Bi and Bennett, "Regression error characteristic curves", 2003.
    """
    share = np.linspace(0, 0.95, 96)
    within = np.quantile(np.abs(labels - predictions), share)
    return Curve("Errors", "absolute error", "share of rows within it", within, share)
