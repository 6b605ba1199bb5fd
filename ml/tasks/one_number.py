"""What labels of one number per row have in common."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pyarrow as pa

from ml.bins import Bin, calibration_bins, calibration_error
from ml.column_types import is_numeric

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
PREDICTION = "prediction"


class OneNumber(ABC):
    """A part of `ml.task.Task`."""

    outputs = 1
    columns = (PREDICTION,)

    def takes(self, type_: pa.DataType) -> bool:
        return is_numeric(type_)

    def read(self, column: pa.ChunkedArray | pa.Array) -> Floats:
        values = np.asarray(column.cast(pa.float64()))
        return np.where(self.known(values), values, np.nan)

    @abstractmethod
    def known(self, labels: Floats) -> Mask: ...

    def constant(self, labels: Floats, weights: Floats | None = None) -> Floats:
        return np.atleast_1d(np.average(labels, weights=weights))

    def untrainable(self, labels: Floats) -> str | None:
        if (labels != labels[0]).any():
            return None
        return f"the label is {labels[0]:g} in all {len(labels)} training rows"

    def shape(self, rows: int) -> tuple[int, ...]:
        return (rows,)

    def table(self, predictions: Floats) -> pa.Table:
        return pa.table({PREDICTION: pa.array(predictions, pa.float64())})

    def untable(self, table: pa.Table) -> Floats:
        return table[PREDICTION].to_numpy()

    def bins(self, labels: Floats, predictions: Floats) -> tuple[Bin, ...]:
        return calibration_bins(labels, predictions)

    def calibration_error(self, labels: Floats, predictions: Floats) -> float:
        return calibration_error(self.bins(labels, predictions))
