"""How good predictions are on matured test rows: plain numbers, ready for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.optimize import brentq
from scipy.special import expit, logit

from ml.alarm import DayLoss
from ml.errors import TrainingError
from ml.schema import Floats, Schema

SMALLEST = 1e-6  # a sure and wrong prediction costs 13.8, not infinity
BINS = 10


@dataclass(frozen=True)
class Metrics:
    """One model on one set of rows; `roc_auc` is None where all labels are the same."""

    rows: int
    log_loss: float
    roc_auc: float | None
    brier: float
    base_rate: float
    mean_prediction: float
    calibration_error: float


@dataclass(frozen=True)
class Bin:
    """Rows of similar prediction: what was said and what happened."""

    rows: int
    mean_prediction: float
    rate: float


@dataclass(frozen=True)
class Evaluation:
    """Models side by side on the same rows; every mapping's first key is the model's name."""

    metrics: Mapping[str, Metrics]
    slices: Mapping[str, Mapping[str, Mapping[str, Metrics]]]  # model, column, value
    calibration: Mapping[str, tuple[Bin, ...]]
    daily_log_loss: Mapping[str, Mapping[str, float]]  # model, day

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return asdict(self)


def evaluate(
    test: pa.Table,
    schema: Schema,
    predictions: Mapping[str, Floats],
    slices: Sequence[str] = (),
    min_slice_rows: int = 200,
) -> Evaluation:
    """Compare models, each given by its probabilities of shape [test rows].

    Slices with fewer rows than `min_slice_rows` are left out. Raises TrainingError for an empty
    test and for predictions of another length.
    """
    labels = schema.labels(test)
    if not len(labels):
        raise TrainingError("no test rows: wait until days that the champion has not seen mature")
    for name, values in predictions.items():
        if values.shape != labels.shape:
            raise TrainingError(
                f"{name} has predictions of shape {values.shape} for {len(labels)} test rows: "
                "predict exactly the test rows"
            )
    days = test[schema.time].cast(pa.date32()).to_numpy().astype(str)
    columns = {name: slice_values(test, name) for name in slices}
    return Evaluation(
        {name: measure(labels, p) for name, p in predictions.items()},
        {
            name: {c: _by_value(v, labels, p, min_slice_rows) for c, v in columns.items()}
            for name, p in predictions.items()
        },
        {name: calibration_bins(labels, p) for name, p in predictions.items()},
        {name: _daily(days, row_log_loss(labels, p)) for name, p in predictions.items()},
    )


def measure(labels: Floats, predictions: Floats) -> Metrics:
    """Metrics of one model; both arrays have shape [rows], at least one row."""
    from sklearn.metrics import roc_auc_score  # 1 s that scoring does not need

    classes = len(np.unique(labels))
    bins = calibration_bins(labels, predictions)
    gaps = sum(b.rows * abs(b.mean_prediction - b.rate) for b in bins)
    return Metrics(
        rows=len(labels),
        log_loss=float(row_log_loss(labels, predictions).mean()),
        roc_auc=float(roc_auc_score(labels, predictions)) if classes == 2 else None,
        brier=float(((predictions - labels) ** 2).mean()),
        base_rate=float(labels.mean()),
        mean_prediction=float(predictions.mean()),
        calibration_error=gaps / len(labels),
    )


def row_log_loss(labels: Floats, predictions: Floats) -> Floats:
    """Log loss of every row, shape [rows], in nats."""
    clipped = np.clip(predictions, SMALLEST, 1 - SMALLEST)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


def day_losses(table: pa.Table, schema: Schema, predictions: Floats) -> tuple[DayLoss, ...]:
    """Losses of every day of a table, oldest first; predictions: of its rows, in their order."""
    losses = row_log_loss(schema.labels(table), predictions)
    days = table[schema.time].cast(pa.date32()).to_numpy()
    return tuple(DayLoss.of(day.item(), losses[days == day]) for day in np.unique(days))


def levelled(labels: Floats, predictions: Floats) -> Floats:
    """The predictions moved in log-odds until their mean is the labels'; all of shape [rows].

    What is left to compare is how rows are told apart. The labels must be of both classes.
    """
    log_odds = logit(np.clip(predictions, SMALLEST, 1 - SMALLEST))
    off = brentq(lambda shift: expit(log_odds + shift).mean() - labels.mean(), -30, 30)
    return expit(log_odds + off)


def calibration_bins(labels: Floats, predictions: Floats) -> tuple[Bin, ...]:
    """Ten bins of equally many rows, by rising prediction; ties are kept in the rows' order."""
    groups = np.array_split(np.argsort(predictions, kind="stable"), BINS)
    return tuple(
        Bin(len(g), float(predictions[g].mean()), float(labels[g].mean())) for g in groups if len(g)
    )


def slice_values(table: pa.Table, column: str) -> np.ndarray[Any, Any]:
    """A column as text, shape [rows], with "(missing)" for null."""
    return table[column].cast(pa.string()).fill_null("(missing)").to_numpy().astype(str)


def _by_value(
    values: np.ndarray[Any, Any], labels: Floats, predictions: Floats, min_rows: int
) -> dict[str, Metrics]:
    found, counts = np.unique(values, return_counts=True)
    large = found[counts >= min_rows]
    return {str(v): measure(labels[values == v], predictions[values == v]) for v in large}


def _daily(days: np.ndarray[Any, Any], losses: Floats) -> dict[str, float]:
    return {str(day): float(losses[days == day].mean()) for day in np.unique(days)}
