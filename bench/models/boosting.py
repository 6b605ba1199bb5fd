"""LightGBM as a strong practitioner would use it: raw columns, native categories, tuned by Optuna.

It gets the rows, holdout and features of the `tabular` estimator. Tuning also chooses whether to
see the columns that all rows of a day share, which `tabular` always leaves out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import optuna
import pyarrow as pa
import pyarrow.compute as pc

from ml.preprocessing import Preprocessing
from ml.schema import Schema
from ml.splits import Parts
from ml.task import Floats

ROUNDS, PATIENCE = 2000, 50
FIXED = {
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "bagging_freq": 1,
    "feature_pre_filter": False,
    "verbose": -1,
}
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The columns that a booster reads, and the known levels of the categorical ones."""

    numeric: tuple[str, ...]
    levels: Mapping[str, pa.Array]

    @classmethod
    def of(cls, train: pa.Table, schema: Schema, *, shared: bool) -> "Columns":
        """Learn levels from training rows; without `shared`, leave out what a day's rows share."""
        left_out = () if shared else Preprocessing.fit(train, schema, 2, 1).shared
        numeric = tuple(name for name in schema.numeric if name not in left_out)
        text = [name for name in schema.categorical if name not in left_out]
        return cls(numeric, {n: pc.unique(train[n].cast(pa.string()).drop_null()) for n in text})

    def matrix(self, table: pa.Table) -> np.ndarray[Any, Any]:
        """Float64 [rows, columns]; missing numbers are NaN, missing and unseen levels -1."""
        numbers = [table[name].cast(pa.float64()).to_numpy() for name in self.numeric]
        codes = [
            pc.fill_null(pc.index_in(table[name].cast(pa.string()), known), -1).to_numpy()
            for name, known in self.levels.items()
        ]
        return np.column_stack([*numbers, *codes]).astype(np.float64)

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical columns."""
        return list(range(len(self.numeric), len(self.numeric) + len(self.levels)))


@dataclass(frozen=True)
class Boosted:
    """A fitted booster."""

    columns: Columns
    booster: lightgbm.Booster

    def predict(self, table: pa.Table) -> Floats:
        """Predictions of the task."""
        return np.asarray(self.booster.predict(self.columns.matrix(table)))


class Data:
    """Rows of one split in LightGBM's bins, made once and used by many fits."""

    def __init__(self, parts: Parts, schema: Schema, *, shared: bool) -> None:
        self.columns, self.task = Columns.of(parts.train, schema, shared=shared), schema.target
        self.train = lightgbm.Dataset(
            self.columns.matrix(parts.train),
            schema.labels(parts.train),
            weight=parts.weights,
            categorical_feature=self.columns.categorical,
            params=FIXED,
        )
        held = self.columns.matrix(parts.holdout), schema.labels(parts.holdout)
        self.held = self.train.create_valid(*held)

    def fit(self, settings: Settings, seed: int) -> Boosted:
        """Train until the held-out entities' loss stops falling."""
        given = {**FIXED, **self.task.boosting, **settings, "seed": seed}
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(given, self.train, ROUNDS, [self.held], callbacks=[stop])
        return Boosted(self.columns, booster)


def fit(parts: Parts, schema: Schema, settings: Settings, seed: int) -> Boosted:
    """Fit once; `settings` is what `tuned` returns."""
    given = dict(settings)
    return Data(parts, schema, shared=given.pop("shared")).fit(given, seed)


def tuned(
    splits: Sequence[Parts], schema: Schema, trials: int, seed: int
) -> tuple[dict[str, Any], float]:
    """The settings with the least mean loss on the splits' test rows, and that loss."""
    data = {s: [Data(parts, schema, shared=s) for parts in splits] for s in (False, True)}

    def loss(trial: optuna.Trial) -> float:
        given = _proposed(trial)
        fitted = [each.fit(given, seed) for each in data[given.pop("shared")]]
        pairs = zip(fitted, splits, strict=True)
        return float(np.mean([_loss(model, parts.test, schema) for model, parts in pairs]))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(loss, n_trials=trials)
    return study.best_params, study.best_value


def _proposed(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "shared": trial.suggest_categorical("shared", [False, True]),
        "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 1000, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1.0),
        "lambda_l1": trial.suggest_float("lambda_l1", 1e-3, 30.0, log=True),
        "lambda_l2": trial.suggest_float("lambda_l2", 1e-2, 300.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 300.0, log=True),
    }


def _loss(model: Boosted, test: pa.Table, schema: Schema) -> float:
    return float(schema.target.losses(schema.labels(test), model.predict(test)).mean())
