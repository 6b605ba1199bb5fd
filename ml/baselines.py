"""Models that a candidate is compared with: fitted in memory on the same rows, never deployed."""

from collections.abc import Iterator
from dataclasses import dataclass

import lightgbm
import numpy as np
import pyarrow as pa
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml.estimators import Model
from ml.preprocessing import Preprocessing
from ml.schema import Schema
from ml.splits import Parts
from ml.tabular import TrainConfig
from ml.task import Floats, Task

BOOSTING_ROUNDS = 1500
BOOSTING_PATIENCE = 50
ROWS = 250_000  # that are predicted at once
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True)
class BaseRate:
    """Predicts the training rows' weighted mean, or shares of classes, for every row."""

    constant: Floats  # shape [1] or [1, classes]

    def predict(self, table: pa.Table) -> Floats:
        """The same for every row."""
        return np.repeat(self.constant, table.num_rows, axis=0)


@dataclass(frozen=True)
class Linear:
    """Logistic or ridge regression on quantile positions and one-hot categories."""

    task: Task
    preprocessing: Preprocessing
    pipeline: Pipeline

    def predict(self, table: pa.Table) -> Floats:
        """Predictions of the task."""
        matrices = _matrices(self.preprocessing, table)
        predict = self.task.linear_predictions
        return np.concatenate([predict(self.pipeline, matrix) for matrix in matrices])


@dataclass(frozen=True)
class Boosted:
    """A LightGBM booster; positions keep the order of values, so the same splits are possible."""

    preprocessing: Preprocessing
    booster: lightgbm.Booster

    def predict(self, table: pa.Table) -> Floats:
        """Predictions of the task."""
        matrices = _matrices(self.preprocessing, table)
        return np.concatenate([np.asarray(self.booster.predict(matrix)) for matrix in matrices])


def fit_baselines(parts: Parts, schema: Schema, config: TrainConfig) -> dict[str, Model]:
    """Fit base rate, linear regression and LightGBM on the candidate's own training rows.

    The holdout stops LightGBM, as it stops the candidate. `config` gives seed, threads and bins.
    """
    preprocessing = Preprocessing.fit(parts.train, schema, config.bins, config.min_level_rows)
    task, labels = schema.target, schema.labels(parts.train)
    matrix = _matrix(preprocessing, parts.train)
    numbers = len(schema.numeric)
    pipeline = _linear_pipeline(task, numbers, matrix.shape[1])
    pipeline.fit(matrix, labels, linear__sample_weight=parts.weights)
    train = lightgbm.Dataset(
        matrix, labels, categorical_feature=list(range(numbers, matrix.shape[1]))
    )
    train.set_weight(parts.weights)
    held = train.create_valid(_matrix(preprocessing, parts.holdout), schema.labels(parts.holdout))
    return {
        "base_rate": BaseRate(task.constant(labels, parts.weights)),
        task.linear_name: Linear(task, preprocessing, pipeline),
        "lightgbm": Boosted(preprocessing, _boost(task, train, held, config)),
    }


def _matrices(preprocessing: Preprocessing, table: pa.Table) -> Iterator[Matrix]:
    """`_matrix` of some rows at a time: scikit-learn copies what it predicts several times."""
    for start in range(0, max(table.num_rows, 1), ROWS):
        yield _matrix(preprocessing, table.slice(start, ROWS))


def _matrix(preprocessing: Preprocessing, table: pa.Table) -> Matrix:
    """Positions, then codes, float32 [rows, features]."""
    encoded = preprocessing.transform(table)
    return np.hstack([encoded.positions.numpy(), encoded.codes.numpy().astype(np.float32)])


def _linear_pipeline(task: Task, numbers: int, columns: int) -> Pipeline:
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    texts = OneHotEncoder(handle_unknown="ignore")
    parts = [(numeric, slice(0, numbers)), (texts, slice(numbers, columns))]
    encoder = make_column_transformer(*(part for part in parts if part[1].start < part[1].stop))
    return Pipeline([("encoder", encoder), ("linear", task.linear(1.0))])


def _boost(
    task: Task, train: lightgbm.Dataset, held: lightgbm.Dataset, config: TrainConfig
) -> lightgbm.Booster:
    settings = {
        **task.boosting,
        "learning_rate": 0.03,
        "num_leaves": 15,
        "min_data_in_leaf": 200,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": config.seed,
        "num_threads": config.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    stop = lightgbm.early_stopping(BOOSTING_PATIENCE, verbose=False)
    return lightgbm.train(settings, train, BOOSTING_ROUNDS, valid_sets=[held], callbacks=[stop])
