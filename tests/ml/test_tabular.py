"""A trained model survives being saved, and is strict about what it scores."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ml
from ml.errors import ArtifactError, SchemaError
from ml.estimators import ESTIMATORS
from ml.recipes import Recipe
from ml.schema import Schema
from ml.splits import Parts, Windows, normal
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import NoTracker
from ml.training import fit

LOAD_AND_PREDICT = """
import sys
from pathlib import Path
import numpy as np, pyarrow.parquet as pq
from ml.tabular import TabularModel
folder = Path(sys.argv[1])
predictions = TabularModel.load(folder / "model").predict(pq.read_table(folder / "test.parquet"))
np.save(folder / "predictions.npy", predictions)
"""


def replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.fixture(scope="module")
def parts(customers: Callable[..., pa.Table], schema: Schema) -> Parts:
    windows = Windows(horizon_days=5, test_days=5)
    split = normal(date(2024, 2, 14), windows, Recipe("window", 60, 1))
    return split.parts(customers(100, 40), schema)


@pytest.fixture(scope="module")
def model(parts: Parts, schema: Schema) -> TabularModel:
    config = TrainConfig(seed=3, epochs=2, width=16, members=2)
    return fit(parts.train, parts.holdout, schema, config, NoTracker())


def test_a_saved_model_predicts_the_same_in_a_clean_process(
    tmp_path: Path, parts: Parts, model: TabularModel
) -> None:
    model.save(tmp_path / "model")
    pq.write_table(parts.test, tmp_path / "test.parquet")
    root = Path(ml.__path__[0]).parent
    command = [sys.executable, "-c", LOAD_AND_PREDICT, str(tmp_path)]
    subprocess.run(command, check=True, cwd=root)
    assert np.array_equal(np.load(tmp_path / "predictions.npy"), model.predict(parts.test))
    assert ESTIMATORS["tabular"].load(tmp_path / "model").digest() == model.digest()


@pytest.mark.parametrize("damage", ["weights.pt", "model.json"])
def test_a_damaged_artifact_is_refused_with_its_place(
    tmp_path: Path, model: TabularModel, damage: str
) -> None:
    model.save(tmp_path)
    whole = (tmp_path / damage).read_bytes()
    (tmp_path / damage).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match=tmp_path.name):
        TabularModel.load(tmp_path)


def test_an_artifact_of_another_format_is_refused(tmp_path: Path, model: TabularModel) -> None:
    model.save(tmp_path)
    values = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**values, "format": 99}))
    with pytest.raises(ArtifactError, match="format 99"):
        TabularModel.load(tmp_path)


def test_strange_rows_still_get_a_probability(parts: Parts, model: TabularModel) -> None:
    rows = parts.test.slice(0, 3)
    rows = replaced(rows, "country", ["ZZ", None, "GB"])
    rows = replaced(rows, "spend", [1e30, None, -5.0])
    predictions = model.predict(rows)
    assert ((predictions > 0) & (predictions < 1)).all()


def test_scoring_without_a_column_is_refused_by_name(parts: Parts, model: TabularModel) -> None:
    with pytest.raises(SchemaError, match="'visits' \\(numeric\\) is 0 times"):
        model.predict(parts.test.drop("visits"))


def test_scoring_does_not_read_the_label(parts: Parts, model: TabularModel) -> None:
    without = parts.test.drop("repurchased")
    assert np.array_equal(model.predict(without), model.predict(parts.test))


def test_an_empty_table_gets_no_predictions(parts: Parts, model: TabularModel) -> None:
    assert model.predict(parts.test.slice(0, 0)).shape == (0,)
