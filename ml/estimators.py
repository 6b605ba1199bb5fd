"""What can be deployed, by the name that a declaration gives it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from ml.errors import TrainingError
from ml.schema import Floats, Schema
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import Tracker
from ml.training import fit


class Model(Protocol):
    """Anything that turns rows into probabilities."""

    def predict(self, table: pa.Table) -> Floats:
        """Probability of label 1, shape [rows], in the table's order."""


class Fit(Protocol):
    """Learns a model from training rows; see `ml.training.fit`."""

    def __call__(
        self,
        train: pa.Table,
        holdout: pa.Table | None,
        schema: Schema,
        config: TrainConfig,
        tracker: Tracker,
        weights: Floats | None = None,
    ) -> TabularModel:
        """Fit on `train`; `holdout` is for early stopping and calibration only."""


@dataclass(frozen=True)
class Estimator:
    """How a kind of model is trained, and read back from its artifact's folder."""

    fit: Fit
    load: Callable[[Path], TabularModel]


def fit_small(
    train: pa.Table,
    holdout: pa.Table | None,
    schema: Schema,
    config: TrainConfig,
    tracker: Tracker,
    weights: Floats | None = None,
) -> TabularModel:
    """Fit one small member instead of several: the same artifact, a fraction of the time."""
    small = replace(config, members=1, width=32, batches=30)
    return fit(train, holdout, schema, small, tracker, weights)


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "tabular": Estimator(fit, TabularModel.load),
        "small": Estimator(fit_small, TabularModel.load),
    }
)


def estimator(name: str) -> Estimator:
    """Look one up; raises TrainingError for a name that is not registered."""
    if name not in ESTIMATORS:
        raise TrainingError(
            f"estimator {name!r} is not known: set model.train.estimator to one of "
            f"{sorted(ESTIMATORS)}"
        )
    return ESTIMATORS[name]
