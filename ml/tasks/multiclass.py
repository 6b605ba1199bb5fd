"""Which of several classes: labels are their index, predictions a probability for each.

SciPy and scikit-learn are imported where they are used: a declaration needs neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from ml.bins import Bin, calibration_bins, calibration_error
from ml.column_types import is_text
from ml.curve import Curve, roc
from ml.tasks import METRICS, MULTICLASS
from ml.tasks.one_number import PREDICTION

if TYPE_CHECKING:
    from torch import Tensor

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
SMALLEST = 1e-6  # as for two classes
SUM_LIMIT = 1e-6  # how far from 1 the probabilities of a row may add up


@dataclass(frozen=True)
class Multiclass:
    """See `ml.task.Task`; an output is a log-probability up to a constant of the row.

    classes: their names, integers too, in the order of outputs and probabilities.
    """

    classes: tuple[str, ...]

    name = MULTICLASS
    metric = METRICS[name]
    unit = "nats"
    what = "probability of each class of {label}"
    linear_name = "logistic"

    @property
    def outputs(self) -> int:
        return len(self.classes)

    @property
    def wants(self) -> str:
        return f"text or integers among {', '.join(self.classes)}"

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{PREDICTION}_{name}" for name in self.classes)

    def takes(self, type_: pa.DataType) -> bool:
        return is_text(type_) or kinds.is_integer(type_)

    def read(self, column: pa.ChunkedArray | pa.Array) -> Floats:
        known = pa.array(self.classes, pa.large_string())
        found = pc.index_in(column.cast(pa.large_string()), value_set=known)
        return np.asarray(found.cast(pa.float64()).fill_null(np.nan))

    def known(self, labels: Floats) -> Mask:
        return np.isin(labels, np.arange(self.outputs))

    def constant(self, labels: Floats, weights: Floats | None = None) -> Floats:
        return np.average(self._one_hot(labels), axis=0, weights=weights)[None]

    def untrainable(self, labels: Floats) -> str | None:
        absent = [name for n, name in enumerate(self.classes) if not (labels == n).any()]
        if not absent:
            return None
        return f"{len(labels)} training rows have no row of class {', '.join(absent)}"

    def fitted(self, labels: Floats, weights: Floats | None) -> Self:
        return self

    @property
    def scale(self) -> dict[str, float]:
        return {}

    def targets(self, labels: Floats) -> "Tensor":
        import torch

        return torch.tensor(labels, dtype=torch.int64)

    def start(self, targets: "Tensor", weights: "Tensor") -> "Tensor":
        shares = weights.new_zeros(self.outputs).index_add(0, targets, weights)
        return (shares / shares.sum()).clamp(min=1e-4).log()

    def training_losses(self, raw: "Tensor", targets: "Tensor") -> "Tensor":
        chosen = targets[:, None, None].expand(-1, raw.shape[1], 1)
        return -raw.log_softmax(dim=2).gather(2, chosen).squeeze(-1).mean(dim=1)

    def averaged(self, raw: "Tensor") -> "Tensor":
        return raw.softmax(dim=2).mean(dim=1).clamp(min=SMALLEST).log()

    def predictions(self, output: "Tensor") -> Floats:
        return output.double().softmax(dim=1).numpy()

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows, self.outputs)

    def valid(self, predictions: Floats) -> Mask:
        inside = np.isfinite(predictions) & (predictions >= 0) & (predictions <= 1)
        return inside.all(axis=1) & (np.abs(predictions.sum(axis=1) - 1) <= SUM_LIMIT)

    def table(self, predictions: Floats) -> pa.Table:
        columns = [pa.array(column, pa.float64()) for column in predictions.T]
        return pa.table(dict(zip(self.columns, columns, strict=True)))

    def untable(self, table: pa.Table) -> Floats:
        return np.column_stack([table[name].to_numpy() for name in self.columns])

    def unit_of(self, values: Floats) -> float:
        return 1.0

    def difference(self, before: Floats, after: Floats) -> float:
        return float(np.abs(before - after).max(initial=0.0))

    def losses(self, labels: Floats, predictions: Floats) -> Floats:
        chosen = np.take_along_axis(predictions, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        return -np.log(np.clip(chosen, SMALLEST, 1.0))

    def measure(self, labels: Floats, predictions: Floats) -> Mapping[str, float | None]:
        return {
            "rows": len(labels),
            "log_loss": float(self.losses(labels, predictions).mean()),
            "accuracy": float((predictions.argmax(axis=1) == labels).mean()),
            "roc_auc": self._roc_auc(self._one_hot(labels), predictions),
            "calibration_error": self.calibration_error(labels, predictions),
        }

    def calibration_error(self, labels: Floats, predictions: Floats) -> float:
        each = zip(self._one_hot(labels).T, predictions.T, strict=True)
        return float(np.mean([calibration_error(calibration_bins(y, p)) for y, p in each]))

    def bins(self, labels: Floats, predictions: Floats) -> tuple[Bin, ...]:
        """Every class against the rest, all in one."""
        return calibration_bins(self._one_hot(labels).ravel(), predictions.ravel())

    def curve(self, labels: Floats, predictions: Floats) -> Curve:
        """Every class against the rest, all in one."""
        return roc(self._one_hot(labels).ravel(), predictions.ravel())

    def expected_loss(self, columns: Sequence[Floats]) -> float | None:
        from scipy.special import entr

        if not all(map(len, columns)):
            return float("nan")
        return float(sum(entr(np.clip(p, 0.0, 1.0)).mean() for p in columns))

    def link(self, predictions: Floats) -> Floats:
        return np.log(np.clip(predictions.astype(np.float64), SMALLEST, 1.0))

    def unlink(self, values: Floats) -> Floats:
        from scipy.special import softmax

        clipped = np.clip(softmax(values, axis=1), SMALLEST, 1.0)
        return clipped / clipped.sum(axis=1, keepdims=True)

    def levelled(self, labels: Floats, predictions: Floats) -> Floats:
        """Iterative scaling: classes that are said too often lose log-odds until none is."""
        from scipy.special import softmax

        wanted = np.maximum(self.constant(labels), SMALLEST)
        moved = self.link(predictions)
        for _ in range(100):
            said = softmax(moved, axis=1).mean(axis=0, keepdims=True)
            if np.abs(said - wanted).max() < SMALLEST:
                break
            moved = moved + np.log(wanted / said)
        return softmax(moved, axis=1)

    def linear(self, inverse_ridge: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=inverse_ridge, solver="newton-cholesky")

    def linear_predictions(self, model: Any, matrix: Any) -> Floats:
        return model.predict_proba(matrix).astype(np.float64)

    @property
    def boosting(self) -> dict[str, str | int]:
        return {"objective": "multiclass", "num_class": self.outputs}

    def _one_hot(self, labels: Floats) -> Floats:
        return np.eye(self.outputs)[labels.astype(np.int64)]

    def _roc_auc(self, happened: Floats, predictions: Floats) -> float | None:
        """Mean over classes, each against the rest; None where a class has no row, or all."""
        from sklearn.metrics import roc_auc_score

        shares = happened.mean(axis=0)
        if (shares == 0).any() or (shares == 1).any():
            return None
        return float(roc_auc_score(happened, predictions, average="macro"))
