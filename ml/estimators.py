"""What can be deployed, by the name that a declaration gives it.

A name is built in, or `package.module:factory` of the user's own: called without arguments, the
factory returns an `Estimator`. Its `fit` and `load` give what `Fitted` describes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from ml.own_estimator import BUILT_IN, Own, own
from ml.schema import Floats, Schema
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import Tracker
from ml.training import fit


class Model(Protocol):
    """Anything that turns rows into predictions."""

    def predict(self, table: pa.Table) -> Floats:
        """Predictions of the schema's task (`ml.task`), in the table's order."""


class Fitted(Model, Protocol):
    """A model that can go live: it predicts the same after it was saved and loaded elsewhere.

    `predict` gives float64 as `schema.target` wants it, and nulls and unseen levels get one too.
    """

    @property
    def schema(self) -> Schema:
        """The columns that it reads."""

    @property
    def refit_config(self) -> TrainConfig:
        """With it `fit` learns again from more rows and no holdout; `load` must bring it back."""

    def digest(self) -> str:
        """Hash of all that decides about predictions: equal models, equal hash."""

    def save(self, folder: Path) -> None:
        """Write files into a folder that exists; they are kept with the version."""


class Fit(Protocol):
    """Learns a model from training rows; see `ml.training.fit`.

    It is called by position. A fit repeats to the bit for the same rows, `config.seed` and
    `config.threads`; the other settings are those of `tabular`, to use or to leave. Weights have
    shape [train rows] and any positive scale. Rows that cannot be learned from raise TrainingError.
    """

    def __call__(
        self,
        train: pa.Table,
        holdout: pa.Table | None,
        schema: Schema,
        config: TrainConfig,
        tracker: Tracker,
        weights: Floats | None = None,
    ) -> Fitted:
        """Fit on `train`; `holdout` is for early stopping and calibration only."""


@dataclass(frozen=True)
class Estimator:
    """How a kind of model is trained, and read back from its artifact's folder.

    `load` gets the folder that `Fitted.save` wrote to; it must run no code from its files.
    """

    fit: Fit
    load: Callable[[Path], Fitted]


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


def estimator(name: str) -> Estimator | Own:
    """Look one up, or import the user's own; raises EstimatorError for what is neither."""
    return ESTIMATORS[name] if name in BUILT_IN else own(name)
