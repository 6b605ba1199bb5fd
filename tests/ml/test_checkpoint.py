"""A training that was killed goes on from its last whole epoch, to the same bits."""

import logging
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ml
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig
from ml.tracker import NoTracker
from ml.training import fit

CONFIG = TrainConfig(seed=3, epochs=4, patience=4, batch_rows=256, width=16, members=2)

# Argument 3: after which epoch's report, or in the middle of which write, it dies.
TRAIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from ml.schema import Schema
from ml.tabular import TrainConfig
from ml.tracker import NoTracker
from ml.training import fit

folder, when, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
writes = []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Dies(NoTracker):
    checkpoint = folder / "checkpoint"

    def metrics(self, values, step):
        if (when, at) == ("report", step):
            die()

def replace(source, target, whole=os.replace):
    writes.append(source)
    if (when, at) == ("write", len(writes)):
        die()
    whole(source, target)

os.replace = replace
rows = pq.read_table(folder / "rows.parquet")
columns = Schema.of(rows.schema, entity="customer_id", time="as_of", label="repurchased")
config = TrainConfig(seed=3, epochs=4, patience=4, batch_rows=256, width=16, members=2)
fit(rows.slice(1000), rows.slice(0, 1000), columns, config, Dies())
"""


class StoppedError(Exception):
    pass


class Fails(NoTracker):
    """Hears every epoch, and fails at one of them."""

    def __init__(self, checkpoint: Path, at: int | None = None) -> None:
        self.checkpoint, self.at = checkpoint, at
        self.heard: list[tuple[int, dict[str, float]]] = []

    def metrics(self, values, step) -> None:
        self.heard.append((step, dict(values)))
        if step == self.at:
            raise StoppedError


@pytest.fixture(scope="module")
def rows(customers: Callable[..., pa.Table]) -> pa.Table:
    return customers(100, 40)


@pytest.fixture
def train(rows: pa.Table, schema: Schema) -> Callable[..., TabularModel]:
    def trained(tracker: NoTracker, config: TrainConfig = CONFIG) -> TabularModel:
        return fit(rows.slice(1000), rows.slice(0, 1000), schema, config, tracker)

    return trained


@pytest.fixture
def undisturbed(train, tmp_path) -> tuple[TabularModel, Fails]:
    tracker = Fails(tmp_path / "undisturbed")
    return train(tracker), tracker


def test_a_training_that_fails_after_any_epoch_ends_with_the_same_bits_and_curve(
    train, undisturbed, tmp_path
) -> None:
    model, whole = undisturbed
    for epoch in range(1, CONFIG.epochs + 1):
        with pytest.raises(StoppedError):
            train(Fails(tmp_path / "checkpoint", at=epoch))
        tracker = Fails(tmp_path / "checkpoint")
        assert train(tracker).digest() == model.digest()
        assert tracker.heard == whole.heard
        tracker.checkpoint.unlink()


def test_a_training_that_is_killed_twice_goes_on_to_the_same_bits(
    train, undisturbed, rows, tmp_path, caplog
) -> None:
    caplog.set_level(logging.INFO, "leeway")
    pq.write_table(rows, tmp_path / "rows.parquet")
    root = Path(ml.__path__[0]).parent
    for when, at in (("report", "1"), ("write", "2")):  # of this process; the third epoch's
        command = [sys.executable, "-c", TRAIN_AND_DIE, str(tmp_path), when, at]
        assert subprocess.run(command, cwd=root).returncode == -signal.SIGKILL
    resumed = train(Fails(tmp_path / "checkpoint"))
    assert "goes on after epoch 2" in caplog.text
    assert resumed.digest() == undisturbed[0].digest()
    assert not (tmp_path / "checkpoint.part").exists()


def test_the_checkpoint_of_other_rows_or_settings_is_not_used_and_that_is_said(
    train, undisturbed, rows, schema, tmp_path, caplog
) -> None:
    kept = tmp_path / "checkpoint"
    fewer = rows.slice(0, rows.num_rows - 1)
    fit(fewer.slice(1000), fewer.slice(0, 1000), schema, CONFIG, Fails(kept))
    assert train(Fails(kept)).digest() == undisturbed[0].digest()
    train(Fails(kept), replace(CONFIG, seed=4))
    assert caplog.text.count(f"{kept} is of other rows, settings or another build") == 2


@pytest.mark.parametrize("damage", ["torn", "a pickle"])
def test_a_damaged_checkpoint_is_not_used_and_runs_nothing(
    train, undisturbed, tmp_path, caplog, damage
) -> None:
    model, tracker = undisturbed
    whole = tracker.checkpoint.read_bytes()
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"), protocol=2)
    tracker.checkpoint.write_bytes(whole[: len(whole) // 2] if damage == "torn" else bomb)
    assert train(Fails(tracker.checkpoint)).digest() == model.digest()
    assert "cannot be read" in caplog.text
    assert not (tmp_path / "exploded").exists()


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
