"""Straighten predictions on held-out rows with one number, a temperature.

Source: Guo et al., "On Calibration of Modern Neural Networks", 2017. No intercept is fitted: it
would move every prediction towards the held-out entities' base rate of the whole training year,
and that made the log loss of the following weeks worse. The base rate is the pivot instead. Where a
number is predicted, the same slope shrinks it towards the mean label: what a network has learned of
noise is spread that held-out rows do not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ml.task import Floats, Task

# Never above 1: held-out entities share their days with the training rows, later days do not, so
# what looks too unsure on them was too sure afterwards (simulated shop,
# while the defaults were being chosen: log loss 0.569 with slopes up to 2, 0.567 without any).
SLOPES = (0.25, 1.0)


@dataclass(frozen=True)
class Calibration:
    """p -> unlink(pivot + slope * (link(p) - pivot)), with the link of the task.

    pivot: of classes one for each, in log-probabilities; else log-odds, or the label's unit.
    """

    slope: float = 1.0
    pivot: float | tuple[float, ...] = 0.0

    @classmethod
    def fit(cls, task: Task, labels: Floats, predictions: Floats) -> "Calibration":
        """Choose the slope with the least loss on held-out rows."""
        pivot = task.link(task.constant(labels))[0].tolist()

        def at(slope: float) -> "Calibration":
            return cls.from_dict({"slope": slope, "pivot": pivot})

        def loss(slope: float) -> float:
            return float(task.losses(labels, at(slope).apply(task, predictions)).mean())

        return at(float(minimize_scalar(loss, bounds=SLOPES, method="bounded").x))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Read back `asdict`, also from JSON."""
        pivot = values["pivot"]
        return cls(values["slope"], tuple(pivot) if isinstance(pivot, list | tuple) else pivot)

    def apply(self, task: Task, predictions: Floats) -> Floats:
        """Calibrated predictions, of the same shape; probabilities are never quite 0 or 1."""
        pivot = np.asarray(self.pivot)
        return task.unlink(pivot + self.slope * (task.link(predictions) - pivot))


IDENTITY = Calibration()
