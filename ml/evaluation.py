"""How good predictions are on matured test rows: plain numbers, ready for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ml.alarm import DayLoss
from ml.bins import Bin
from ml.errors import TrainingError
from ml.schema import Schema
from ml.task import Floats, Metrics, Task


@dataclass(frozen=True)
class Evaluation:
    """Models side by side on the same rows; every mapping's first key is the model's name.

    Which metrics there are depends on the task; `rows` is one of them, None where the labels do not
    allow one.
    """

    metrics: Mapping[str, Metrics]
    slices: Mapping[str, Mapping[str, Mapping[str, Metrics]]]  # model, column, value
    calibration: Mapping[str, tuple[Bin, ...]]
    daily_loss: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # model, day

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
    """Compare models, each given by its predictions of the test rows.

    Slices with fewer rows than `min_slice_rows` are left out. Raises TrainingError for an empty
    test and for predictions of another shape.
    """
    task, labels = schema.target, schema.labels(test)
    if not len(labels):
        raise TrainingError("no test rows: wait until days that the champion has not seen mature")
    for name, values in predictions.items():
        if values.shape != (expected := task.shape(len(labels))):
            raise TrainingError(
                f"{name} has predictions of shape {values.shape}, {expected} is expected: predict "
                f"exactly the {len(labels)} test rows"
            )
    days = test[schema.time].cast(pa.date32()).to_numpy().astype(str)
    columns = {name: slice_values(test, name) for name in slices}
    return Evaluation(
        {name: task.measure(labels, p) for name, p in predictions.items()},
        {
            name: {c: _by_value(task, v, labels, p, min_slice_rows) for c, v in columns.items()}
            for name, p in predictions.items()
        },
        {name: task.bins(labels, p) for name, p in predictions.items()},
        {name: _daily(days, task.losses(labels, p)) for name, p in predictions.items()},
    )


def day_losses(table: pa.Table, schema: Schema, predictions: Floats) -> tuple[DayLoss, ...]:
    """Losses of every day of a table, oldest first; predictions: of its rows, in their order."""
    losses = schema.target.losses(schema.labels(table), predictions)
    days = table[schema.time].cast(pa.date32()).to_numpy()
    return tuple(DayLoss.of(day.item(), losses[days == day]) for day in np.unique(days))


def slice_values(table: pa.Table, column: str) -> np.ndarray[Any, Any]:
    """A column as text, shape [rows], with "(missing)" for null."""
    return table[column].cast(pa.string()).fill_null("(missing)").to_numpy().astype(str)


def _by_value(
    task: Task, values: np.ndarray[Any, Any], labels: Floats, predictions: Floats, min_rows: int
) -> dict[str, Metrics]:
    found, counts = np.unique(values, return_counts=True)
    large = found[counts >= min_rows]
    return {str(v): task.measure(labels[values == v], predictions[values == v]) for v in large}


def _daily(days: np.ndarray[Any, Any], losses: Floats) -> dict[str, float]:
    return {str(day): float(losses[days == day].mean()) for day in np.unique(days)}
