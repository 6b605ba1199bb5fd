"""Train one network by several processes of this machine, under Spark's TorchDistributor.

The loop is that of one process (`ml.training.train`); `ml.worker` is what each of them runs. Rows
and weights reach them as files of tensors, mapped into memory, so that they are there once.
"""

import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any

import torch

from ml.checkpoint import Checkpoint
from ml.errors import TrainingError
from ml.preprocessing import Encoded
from ml.tabular import TabularModel
from ml.tracker import Tracker
from ml.training import Rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START, TRAINED, ROWS, HELD = "start", "trained", "rows.pt", "held.pt"
CHECKPOINT, REPORTS, ERROR = "checkpoint.json", "reports.jsonl", "error.txt"
LOCAL: dict[str, str | int | float | bool | None] = {
    "spark.master": "local[1]",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}


def train_together(
    start: TabularModel, rows: Rows, held: Rows | None, tracker: Tracker, checkpoint: Checkpoint
) -> int:
    """Train the network of `start` in place by `config.workers` processes; returns its epochs.

    Raises TrainingError with a worker's own words, or where Spark cannot start.
    """
    workers = start.config.workers
    if len(rows.labels) < workers:
        raise TrainingError(f"{len(rows.labels)} rows for {workers} workers: use fewer workers")
    with workplace(checkpoint.path) as folder:
        start.save(folder / START)
        write_rows(rows, folder / ROWS)
        if held is not None:
            write_rows(held, folder / HELD)
        kept = {"path": checkpoint.path and str(checkpoint.path)}
        (folder / CHECKPOINT).write_text(json.dumps({**vars(checkpoint), **kept}))
        with session() as spark, told(folder / REPORTS, tracker):
            run(spark, folder, workers, start.config.worker_threads)
        trained = TabularModel.load(folder / TRAINED)
    start.network.load_state_dict(trained.network.state_dict())
    return trained.epochs_run


@contextmanager
def workplace(checkpoint: Path | None) -> Iterator[Path]:
    """A folder for what the workers share; beside a checkpoint, upkeep finds what a kill leaves."""
    place = None if checkpoint is None else checkpoint.parent
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="workers-", dir=place) as name:
        yield Path(name)


def run(spark: "SparkSession", folder: Path, workers: int, threads: int) -> None:
    """Start the workers and wait for them; what they print goes to this process's stderr."""
    from pyspark.sql import is_remote

    from ml.torchrun import OneMachine

    # without, every worker sees all that there are; a Spark Connect server's are on its machine
    gpus = not is_remote() and "gpu" in spark.sparkContext.resources
    distributor = OneMachine(num_processes=workers, local_mode=True, use_gpu=gpus)
    with redirect_stdout(sys.stderr):  # stdout may be a command's answer
        distributor.run("ml.worker", str(folder), str(threads))
    if (folder / ERROR).exists():
        raise TrainingError((folder / ERROR).read_text())
    if not (folder / TRAINED).exists():  # torchrun's end status does not come through
        raise TrainingError(f"{workers} workers ended without a word: see what they have printed")


@contextmanager
def session() -> Iterator["SparkSession"]:
    """The Spark session of this process, or a small one of its own, which is stopped afterwards."""
    from pyspark.errors import PySparkException

    shared = running()
    if shared is not None:
        yield shared
        return
    try:
        own = started()
    except PySparkException as error:
        raise TrainingError(f"several workers need Spark, which does not start: {error}") from error
    try:
        yield own
    finally:
        own.stop()


def running() -> "SparkSession | None":
    """The session that another part of this process has started."""
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    try:
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def started() -> "SparkSession":
    """A new session that is there to start processes only."""
    from pyspark.sql import SparkSession

    return SparkSession.builder.config(map=LOCAL).getOrCreate()


@contextmanager
def told(path: Path, tracker: Tracker) -> Iterator[None]:
    """Tell the tracker what the first worker reports into a file, while it does."""
    ended = Event()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_follow, path, tracker, ended)
        try:
            yield
        finally:
            ended.set()
        following.result()


def _follow(path: Path, tracker: Tracker, ended: Event) -> None:
    position, last = 0, False
    while not last:
        last = ended.wait(0.2)
        if not path.exists():
            continue
        with path.open() as file:
            file.seek(position)
            for line in iter(file.readline, ""):
                if not line.endswith("\n"):  # the rest is still being written
                    break
                report = json.loads(line)
                tracker.metrics(report["values"], report["step"])
                position = file.tell()


def write_rows(rows: Rows, path: Path) -> None:
    """Write rows as tensors."""
    labels = torch.from_numpy(rows.labels)
    torch.save({"inputs": vars(rows.inputs), "rest": (labels, rows.targets, rows.weights)}, path)


def read_rows(path: Path) -> Rows:
    """Read what `write_rows` wrote; processes that do so share the memory."""
    values: dict[str, Any] = torch.load(path, weights_only=True, mmap=True)
    labels, targets, weights = values["rest"]
    return Rows(Encoded(**values["inputs"]), labels.numpy(), targets, weights)


def loopback() -> str:
    """The name of the network interface that nobody outside this machine reaches."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
