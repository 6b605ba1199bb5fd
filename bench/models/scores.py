"""Figures of predictions on test days, and how sure their differences are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from ml.bootstrap import by_days
from ml.task import BINARY, Floats

ECE_BINS = 15
LOW, HIGH = 0.025, 0.975
Days = np.ndarray[Any, Any]


def ece(labels: Floats, predictions: Floats) -> float:
    """Expected calibration error over bins of equally many rows (Naeini et al., 2015)."""
    groups = np.array_split(np.argsort(predictions, kind="stable"), ECE_BINS)
    gaps = [len(g) * abs(predictions[g].mean() - labels[g].mean()) for g in groups]
    return float(sum(gaps) / len(labels))


def figures(labels: Floats, seeds: Sequence[Floats]) -> dict[str, float]:
    """Means of the seeds' figures; every seed's predictions have shape [rows]."""
    aucs = [float(roc_auc_score(labels, each)) for each in seeds]
    losses = [float(BINARY.losses(labels, each).mean()) for each in seeds]
    return {
        "roc_auc": float(np.mean(aucs)),
        "roc_auc_sd": float(np.std(aucs)),
        "log_loss": float(np.mean(losses)),
        "log_loss_sd": float(np.std(losses)),
        "ece": float(np.mean([ece(labels, each) for each in seeds])),
        "mean_prediction": float(np.mean(seeds)),
    }


def differences(
    labels: Floats, days: Days, ours: Sequence[Floats], theirs: Sequence[Floats]
) -> dict[str, dict[str, float]]:
    """Theirs minus ours in log loss, ours minus theirs in ROC AUC: above 0, ours is better.

    Log loss is drawn by blocks of days; of ROC AUC it is the days' own, as days are what is drawn.
    """
    loss = [np.mean([BINARY.losses(labels, e) for e in each], axis=0) for each in (ours, theirs)]
    names = np.unique(days)
    auc = [np.array([_auc(labels, each, days == day) for day in names]) for each in (ours, theirs)]
    return {
        "log_loss": interval(loss[1] - loss[0], days),
        "roc_auc": interval(auc[0] - auc[1], names),
    }


def by_day(labels: Floats, days: Days, models: Mapping[str, Sequence[Floats]]) -> list[Any]:
    """Rows, base rate and mean log loss of every model, day by day."""
    losses = {n: np.mean([BINARY.losses(labels, e) for e in s], axis=0) for n, s in models.items()}
    return [
        {
            "day": str(day),
            "rows": int((days == day).sum()),
            "base_rate": float(labels[days == day].mean()),
            "log_loss": {name: float(loss[days == day].mean()) for name, loss in losses.items()},
        }
        for day in np.unique(days)
    ]


def _auc(labels: Floats, seeds: Sequence[Floats], rows: Days) -> float:
    return float(np.mean([roc_auc_score(labels[rows], each[rows]) for each in seeds]))


def interval(values: Floats, days: Days) -> dict[str, float]:
    """Mean, and its 95 % interval when blocks of days are drawn; values and days: shape [rows]."""
    low, high = (by_days(values, days, level, seed=0) for level in (LOW, HIGH))
    return {"mean": float(values.mean()), "low": low, "high": high}
