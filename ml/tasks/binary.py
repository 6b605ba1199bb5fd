"""Whether something happens: labels 0 and 1, predictions are the probability of 1.

SciPy and scikit-learn are imported where they are used: a declaration needs neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ml.curve import Curve, roc
from ml.tasks import METRICS
from ml.tasks.one_number import OneNumber

if TYPE_CHECKING:
    from torch import Tensor

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
SMALLEST = 1e-6  # a sure and wrong prediction costs 13.8, not infinity


@dataclass(frozen=True)
class Binary(OneNumber):
    """See `ml.task.Task`; an output is a log-odds."""

    name = "binary"
    metric = METRICS[name]
    unit = "nats"
    what = "probability that {label} is 1"
    wants = "integer 0 and 1"
    linear_name = "logistic"

    def known(self, labels: Floats) -> Mask:
        return np.isin(labels, (0.0, 1.0))

    def fitted(self, labels: Floats, weights: Floats | None) -> Self:
        return self

    @property
    def scale(self) -> dict[str, float]:
        return {}

    def targets(self, labels: Floats) -> "Tensor":
        import torch

        return torch.tensor(labels, dtype=torch.float32)

    def start(self, targets: "Tensor", weights: "Tensor") -> "Tensor":
        return (targets * weights).mean().logit(eps=1e-4)[None]

    def training_losses(self, raw: "Tensor", targets: "Tensor") -> "Tensor":
        from torch.nn.functional import binary_cross_entropy_with_logits

        raw = raw.squeeze(-1)
        wanted = targets[:, None].expand_as(raw)
        return binary_cross_entropy_with_logits(raw, wanted, reduction="none").mean(dim=1)

    def averaged(self, raw: "Tensor") -> "Tensor":
        return raw.sigmoid().mean(dim=1).logit(eps=SMALLEST)

    def predictions(self, output: "Tensor") -> Floats:
        return output.squeeze(-1).sigmoid().numpy().astype(np.float64)

    def valid(self, predictions: Floats) -> Mask:
        return np.isfinite(predictions) & (predictions >= 0) & (predictions <= 1)

    def unit_of(self, values: Floats) -> float:
        return 1.0

    def difference(self, before: Floats, after: Floats) -> float:
        return float(np.abs(before - after).max(initial=0.0))

    def losses(self, labels: Floats, predictions: Floats) -> Floats:
        clipped = np.clip(predictions, SMALLEST, 1 - SMALLEST)
        return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))

    def measure(self, labels: Floats, predictions: Floats) -> Mapping[str, float | None]:
        from sklearn.metrics import roc_auc_score

        both = len(np.unique(labels)) == 2
        return {
            "rows": len(labels),
            "log_loss": float(self.losses(labels, predictions).mean()),
            "roc_auc": float(roc_auc_score(labels, predictions)) if both else None,
            "brier": float(((predictions - labels) ** 2).mean()),
            "mean_label": float(labels.mean()),
            "mean_prediction": float(predictions.mean()),
            "calibration_error": self.calibration_error(labels, predictions),
        }

    def curve(self, labels: Floats, predictions: Floats) -> Curve:
        return roc(labels, predictions)

    def expected_loss(self, columns: Sequence[Floats]) -> float | None:
        from scipy.special import entr

        p = np.clip(columns[0], 0.0, 1.0)
        return float((entr(p) + entr(1 - p)).mean()) if len(p) else float("nan")

    def link(self, predictions: Floats) -> Floats:
        from scipy.special import logit

        return logit(np.clip(predictions.astype(np.float64), SMALLEST, 1 - SMALLEST))

    def unlink(self, values: Floats) -> Floats:
        from scipy.special import expit

        return np.clip(expit(values), SMALLEST, 1 - SMALLEST)

    def levelled(self, labels: Floats, predictions: Floats) -> Floats:
        from scipy.optimize import brentq
        from scipy.special import expit

        log_odds = self.link(predictions)
        off = brentq(lambda shift: expit(log_odds + shift).mean() - labels.mean(), -30, 30)
        return expit(log_odds + off)

    def linear(self, inverse_ridge: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=inverse_ridge, solver="newton-cholesky")

    def linear_predictions(self, model: Any, matrix: Any) -> Floats:
        return model.predict_proba(matrix)[:, 1].astype(np.float64)

    @property
    def boosting(self) -> dict[str, str | int]:
        return {"objective": "binary"}
