"""How much: labels are numbers, predictions their mean, in the same unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ml.curve import Curve, errors
from ml.tasks import METRICS
from ml.tasks.one_number import OneNumber

if TYPE_CHECKING:
    from torch import Tensor

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Regression(OneNumber):
    """See `ml.task.Task`; an output is a label less `mean`, in units of `sd`."""

    mean: float = 0.0
    sd: float = 1.0

    name = "regression"
    metric = METRICS[name]
    unit = "squared units of the label"
    what = "mean of {label}"
    wants = "finite numbers"
    linear_name = "ridge"

    def known(self, labels: Floats) -> Mask:
        return np.isfinite(labels)

    def fitted(self, labels: Floats, weights: Floats | None) -> Self:
        mean = float(np.average(labels, weights=weights))
        variance = float(np.average((labels - mean) ** 2, weights=weights))
        return replace(self, mean=mean, sd=variance**0.5)

    @property
    def scale(self) -> dict[str, float]:
        return {"mean": self.mean, "sd": self.sd}

    def targets(self, labels: Floats) -> "Tensor":
        import torch

        return torch.tensor((labels - self.mean) / self.sd, dtype=torch.float32)

    def start(self, targets: "Tensor", weights: "Tensor") -> "Tensor":
        return (targets * weights).mean()[None]

    def training_losses(self, raw: "Tensor", targets: "Tensor") -> "Tensor":
        return (raw.squeeze(-1) - targets[:, None]).square().mean(dim=1)

    def averaged(self, raw: "Tensor") -> "Tensor":
        return raw.mean(dim=1)

    def predictions(self, output: "Tensor") -> Floats:
        return self.mean + self.sd * output.squeeze(-1).numpy().astype(np.float64)

    def valid(self, predictions: Floats) -> Mask:
        return np.isfinite(predictions)

    def unit_of(self, values: Floats) -> float:
        """Two standard deviations: that of 0 and 1 in equal shares is one half."""
        return 2 * float(np.std(values)) or 1.0

    def difference(self, before: Floats, after: Floats) -> float:
        return float(np.abs(before - after).max(initial=0.0)) / self.unit_of(before)

    def losses(self, labels: Floats, predictions: Floats) -> Floats:
        return (labels - predictions) ** 2

    def measure(self, labels: Floats, predictions: Floats) -> Mapping[str, float | None]:
        error, variance = float(self.losses(labels, predictions).mean()), float(labels.var())
        return {
            "rows": len(labels),
            "squared_error": error,
            "rmse": error**0.5,
            "mae": float(np.abs(labels - predictions).mean()),
            "r2": 1 - error / variance if variance else None,
            "mean_label": float(labels.mean()),
            "mean_prediction": float(predictions.mean()),
            "bias": float((predictions - labels).mean()),
            "calibration_error": self.calibration_error(labels, predictions),
        }

    def curve(self, labels: Floats, predictions: Floats) -> Curve:
        return errors(labels, predictions)

    def expected_loss(self, columns: Sequence[Floats]) -> float | None:
        return None

    def link(self, predictions: Floats) -> Floats:
        return predictions.astype(np.float64)

    def unlink(self, values: Floats) -> Floats:
        return values

    def levelled(self, labels: Floats, predictions: Floats) -> Floats:
        return predictions + (labels.mean() - predictions.mean())

    def linear(self, inverse_ridge: float) -> Any:
        """Half of the squared error and a ridge of 1 / (2 C), so C means what it does elsewhere."""
        from sklearn.linear_model import Ridge

        return Ridge(alpha=1 / inverse_ridge)

    def linear_predictions(self, model: Any, matrix: Any) -> Floats:
        return model.predict(matrix).astype(np.float64)

    @property
    def boosting(self) -> dict[str, str | int]:
        return {"objective": "regression"}
