"""What a model predicts: a task holds everything that differs between kinds of label.

A network does not know its task. It gives `outputs` raw numbers per row and member; here they
become a loss to train by, and predictions. Labels are float64 of shape [rows]: 0 or 1, the index of
a class, or a number. Predictions are float64: the probability of label 1, shape [rows]; the
probability of every class, shape [rows, classes]; or the number, shape [rows].
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pyarrow as pa

from ml.bins import Bin
from ml.curve import Curve
from ml.errors import SchemaError
from ml.tasks import METRICS, MULTICLASS
from ml.tasks.binary import Binary
from ml.tasks.multiclass import Multiclass
from ml.tasks.regression import Regression

if TYPE_CHECKING:  # what is not trained or scored needs no PyTorch
    from torch import Tensor

TASKS = tuple(METRICS)

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Metrics = Mapping[str, float | None]
BINARY = Binary()


class Task(Protocol):
    """A kind of label, and what it means to predict it well."""

    @property
    def name(self) -> str:
        """As it is declared."""

    @property
    def outputs(self) -> int:
        """Raw numbers that a network gives per row and member."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the double columns that hold predictions in tables, sketches and MLflow."""

    @property
    def metric(self) -> str:
        """Name of the mean row loss among those of `measure`."""

    @property
    def unit(self) -> str:
        """Unit of the row loss."""

    @property
    def what(self) -> str:
        """What is predicted, in words with a place for `{label}`."""

    @property
    def wants(self) -> str:
        """Which labels there are, in words."""

    # Labels

    def takes(self, type_: pa.DataType) -> bool:
        """Whether labels can be read from a column of this type."""

    def read(self, column: pa.ChunkedArray | pa.Array) -> Floats:
        """Labels, shape [rows]; NaN where a value is none."""

    def known(self, labels: Floats) -> Mask:
        """Which of these are labels, shape [rows]."""

    def constant(self, labels: Floats, weights: Floats | None = None) -> Floats:
        """The best prediction that is the same for all rows, as one row: shape [1] or [1, K]."""

    def untrainable(self, labels: Floats) -> str | None:
        """Why nothing can be learned from these labels, in words; None where something can."""

    # Networks; `raw` has shape [rows, members, outputs], `output` [rows, outputs]

    def fitted(self, labels: Floats, weights: Floats | None) -> Self:
        """The task with the scale of the training rows' labels, where it has any."""

    @property
    def scale(self) -> dict[str, float]:
        """What `fitted` has learned, for an artifact; `task_of` takes it back."""

    def targets(self, labels: Floats) -> "Tensor":
        """Labels as training needs them, shape [rows]."""

    def start(self, targets: "Tensor", weights: "Tensor") -> "Tensor":
        """Outputs that predict the best constant, shape [outputs]; weights average 1."""

    def training_losses(self, raw: "Tensor", targets: "Tensor") -> "Tensor":
        """Loss of each row, shape [rows]: the mean over members, each by its own error."""

    def averaged(self, raw: "Tensor") -> "Tensor":
        """The output, shape [rows, outputs], whose prediction is the members' mean prediction."""

    def predictions(self, output: "Tensor") -> Floats:
        """Outputs as predictions."""

    # Predictions

    def shape(self, rows: int) -> tuple[int, ...]:
        """The shape of the predictions of so many rows."""

    def valid(self, predictions: Floats) -> Mask:
        """Which rows, shape [rows], have a prediction of this task."""

    def table(self, predictions: Floats) -> pa.Table:
        """Predictions as `columns`."""

    def untable(self, table: pa.Table) -> Floats:
        """Read back `table`."""

    def unit_of(self, values: Floats) -> float:
        """How far apart 0 and 1 are, on the scale of these labels or predictions."""

    def difference(self, before: Floats, after: Floats) -> float:
        """The largest of predictions of the same rows, in units (`unit_of`); 0 without any."""

    def losses(self, labels: Floats, predictions: Floats) -> Floats:
        """Loss of each row, shape [rows]: gate, alarms and trial compare its mean."""

    def measure(self, labels: Floats, predictions: Floats) -> Metrics:
        """All metrics of at least one row; None where the labels do not allow one."""

    def calibration_error(self, labels: Floats, predictions: Floats) -> float:
        """Mean distance of what was said to what happened (of classes: the mean of all)."""

    def bins(self, labels: Floats, predictions: Floats) -> tuple[Bin, ...]:
        """What was said beside what happened, for a plot."""

    def curve(self, labels: Floats, predictions: Floats) -> Curve:
        """How well rows are told apart, for a plot."""

    def expected_loss(self, columns: Sequence[Floats]) -> float | None:
        """Mean row loss that predictions expect of themselves; None where they cannot say.

        columns: values of each of `columns`, which need not be of the same rows.
        """

    def link(self, predictions: Floats) -> Floats:
        """Predictions on a scale without bounds, where moving them keeps their order."""

    def unlink(self, values: Floats) -> Floats:
        """Read back `link`, as valid predictions."""

    def levelled(self, labels: Floats, predictions: Floats) -> Floats:
        """Predictions moved along `link` until their mean is the labels'.

        What is left to compare is how rows are told apart.
        """

    # Baselines

    @property
    def linear_name(self) -> str:
        """What `linear` is called beside other models."""

    def linear(self, inverse_ridge: float) -> Any:
        """An unfitted linear model of scikit-learn with a ridge penalty of 1 / `inverse_ridge`."""

    def linear_predictions(self, model: Any, matrix: Any) -> Floats:
        """Predictions of a fitted `linear`, or of a pipeline that ends in one."""

    @property
    def boosting(self) -> dict[str, str | int]:
        """LightGBM's objective."""


def labels_of(task: Task, column: pa.ChunkedArray, name: str) -> Floats:
    """Labels of a column, shape [rows]; raises SchemaError for a type or value that is none."""
    if not task.takes(column.type):
        raise SchemaError(f"label {name!r} has type {column.type}: use {task.wants}")
    labels = task.read(column)
    wrong = np.isnan(labels)
    if wrong.any():
        raise SchemaError(
            f"label {name!r} has other values than {task.wants} in {int(wrong.sum())} of "
            f"{len(labels)} rows, the first is {column[int(wrong.argmax())].as_py()}: leave out "
            "rows that have not matured"
        )
    return labels


def words(metric: str) -> str:
    """A metric's name as it stands in a sentence."""
    return {"roc_auc": "ROC AUC", "r2": "R²"}.get(metric, metric.replace("_", " "))


def task_of(
    name: str, classes: Sequence[str] = (), scale: Mapping[str, float] | None = None
) -> Task:
    """The task of a declaration or an artifact; raises SchemaError for one that is not known."""
    if name not in TASKS:
        raise SchemaError(f"task {name!r} is not supported: use one of {TASKS}")
    if (name == MULTICLASS) != bool(classes):
        raise SchemaError(
            f"task {name!r} has classes {tuple(classes)}: name at least two for `{MULTICLASS}`, "
            "none for any other task"
        )
    if name == MULTICLASS:
        return Multiclass(tuple(classes))
    return Regression(**scale or {}) if name == Regression.name else BINARY
