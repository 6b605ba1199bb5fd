"""Calibration by bins of equally many rows: what was said beside what happened."""

from dataclasses import dataclass

import numpy as np

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Rows of similar prediction: what was said and what happened, both means."""

    rows: int
    mean_prediction: float
    rate: float


def calibration_bins(happened: Floats, predictions: Floats) -> tuple[Bin, ...]:
    """Bins of equally many rows, by rising prediction; ties are kept in the rows' order.

    Both have shape [rows]; happened: 0 or 1 for probabilities, the label for any other number.
    """
    groups = np.array_split(np.argsort(predictions, kind="stable"), BINS)
    return tuple(
        Bin(len(g), float(predictions[g].mean()), float(happened[g].mean()))
        for g in groups
        if len(g)
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance of what was said to what happened, weighted by rows (ECE for probabilities).

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
    binning", 2015.
    """
    rows = sum(b.rows for b in bins)
    return sum(b.rows * abs(b.mean_prediction - b.rate) for b in bins) / rows
