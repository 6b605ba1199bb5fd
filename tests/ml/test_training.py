"""The tabular estimator learns, repeats itself, and survives being saved."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import ml
from ml.errors import ArtifactError, SchemaError, TrainingError
from ml.estimators import ESTIMATORS
from ml.evaluation import measure
from ml.schema import Schema
from ml.splits import Parts, Windows, normal
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import NoTracker
from ml.training import fit

CONFIG = TrainConfig(seed=3, threads=1, epochs=3, batch_rows=256, width=16, members=2)
LOAD_AND_PREDICT = """
import sys
from pathlib import Path
import numpy as np, pyarrow.parquet as pq
from ml.tabular import TabularModel
folder = Path(sys.argv[1])
predictions = TabularModel.load(folder / "model").predict(pq.read_table(folder / "test.parquet"))
np.save(folder / "predictions.npy", predictions)
"""


class Recorder:
    def __init__(self) -> None:
        self.settings: dict[str, object] = {}
        self.epochs: list[dict[str, float]] = []

    def params(self, values: dict[str, object]) -> None:
        self.settings = dict(values)

    def metrics(self, values: dict[str, float], step: int) -> None:
        self.epochs.append({**values, "step": step})


@pytest.fixture(scope="module")
def parts(schema: Schema) -> Parts:
    from conftest import make_customers
