"""What the training loop and scoring cost beside the bare network: speed, and memory.

    python -m bench.models.speed [--rows 250000]

Speeds are per second of CPU, one thread, alternately measured, so that others on the machine hardly
count. Memory is that of a fresh process, above what its libraries and the table take.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import typer
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.results import MODEL_RESULTS
from ml.checkpoint import Checkpoint
from ml.determinism import deterministic
from ml.preprocessing import Preprocessing
from ml.schema import Schema
from ml.tabular import BATCH_ROWS, TabularModel, TrainConfig, build_network
from ml.tracker import NoTracker
from ml.training import Rows, batches_of, fit, train

NUMBERS, CATEGORIES, DAYS, TIMES = 45, 5, 50, 5
SPEED_ROWS = 25_000  # speeds are the same with more, and take longer to measure
CONFIG = TrainConfig(epochs=1, stop_after=1)


@dataclass(frozen=True)
class Speed:
    """Rows per second of CPU; bytes of the table of so many rows, its tensors, and the peak."""

    rows: int
    loop: float
    bare_loop: float
    scoring: float
    bare_scoring: float
    tensors: int
    table: int
    peak: int

    @property
    def shares(self) -> dict[str, float]:
        """What the goals are about."""
        return {
            "loop_of_bare_loop": self.loop / self.bare_loop,
            "scoring_of_bare_scoring": self.scoring / self.bare_scoring,
            "peak_of_tensors": self.peak / self.tensors,
        }


def main(
    rows: Annotated[int, typer.Option(min=SPEED_ROWS)] = 250_000, memory_of: Path | None = None
) -> None:
    """Measure all and keep it; memory_of: measure a training on this file, in this process."""
    if memory_of is not None:
        print(peak_of_training(memory_of))
        return
    table = made(rows)
    some = table.slice(0, SPEED_ROWS)
    model, encoded = prepared(some)
    loop, bare_loop = speeds(
        SPEED_ROWS, lambda: one_epoch(model, encoded), bare_epoch(model, encoded)
    )
    scoring, bare_scoring = speeds(
        SPEED_ROWS, lambda: model.predict(some), bare_scores(model, encoded)
    )
    tensors = sum(each.nbytes for each in prepared(table)[1].tensors)
    speed = loop, bare_loop, scoring, bare_scoring
    found = Speed(rows, *speed, tensors, table.nbytes, peak_of(table))
    print({**vars(found), **found.shares})
    MODEL_RESULTS.keep("speed", {**vars(found), **found.shares})


def made(rows: int, seed: int = 0) -> pa.Table:
    """Numbers, of which one in twenty is null, categories, and a label that depends on both."""
    random = np.random.default_rng(seed)
    days = np.datetime64("2024-01-01") + np.arange(DAYS)
    columns: dict[str, Any] = {
        "entity": np.arange(rows) // DAYS,
        "day": days[np.arange(rows) % DAYS],
    }
    log_odds = np.full(rows, -1.0)
    for n in range(NUMBERS):
        values = random.lognormal(1, 1, rows)
        log_odds += 0.1 * (values < 3)
        columns[f"n{n:02}"] = pa.array(values, mask=random.random(rows) < 0.05)
    for n in range(CATEGORIES):
        levels = random.integers(0, 6 + n, rows)
        log_odds += 0.2 * (levels == n)
        columns[f"c{n}"] = pa.array(np.array([f"level {i}" for i in range(6 + n)])[levels])
    columns["label"] = (random.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int32)
    return pa.table(columns)


def schema_of(table: pa.Table) -> Schema:
    """Its columns."""
    return Schema.of(table.schema, entity="entity", time="day", label="label")


def prepared(table: pa.Table) -> tuple[TabularModel, Rows]:
    """A model that has not learned yet, and the tensors that it would learn from."""
    schema = schema_of(table)
    preprocessing = Preprocessing.fit(table, schema, CONFIG.bins, CONFIG.min_level_rows)
    task, labels = schema.target, schema.labels(table)
    targets = task.targets(labels)
    network = build_network(preprocessing, CONFIG)
    model = TabularModel(task, preprocessing, network, CONFIG.calibration, CONFIG, 0)
    return model, Rows(preprocessing.transform(table), labels, targets, torch.ones_like(targets))


def one_epoch(model: TabularModel, rows: Rows) -> None:
    """What a training does in an epoch."""
    with deterministic(CONFIG.seed, CONFIG.threads):
        train(model, rows, None, NoTracker(), Checkpoint())


def bare_epoch(model: TabularModel, rows: Rows) -> Callable[[], None]:
    """The same network, batches and optimizer, and nothing beside them."""
    network, inputs = model.network, rows.inputs

    def run() -> None:
        with deterministic(CONFIG.seed, CONFIG.threads):
            optimizer = torch.optim.AdamW(network.parameters())
            network.train()
            order = torch.randperm(len(rows.labels))
            for batch in order.tensor_split(batches_of(len(order), CONFIG)):
                logits = network(inputs.positions[batch], inputs.codes[batch])
                targets = rows.targets[batch][:, None, None].expand_as(logits)
                loss = binary_cross_entropy_with_logits(logits, targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return run


def bare_scores(model: TabularModel, rows: Rows) -> Callable[[], None]:
    """Forward passes over encoded tensors."""
    network, inputs = model.network, rows.inputs

    def run() -> None:
        network.eval()
        with deterministic(CONFIG.seed, CONFIG.threads), torch.inference_mode():
            parts = (each.split(BATCH_ROWS) for each in vars(inputs).values())
            for batch in zip(*parts, strict=True):
                network.output(model.task, *batch)

    return run


def speeds(rows: int, *works: Callable[[], object]) -> Iterator[float]:
    """Rows per second of CPU of works on so many, by the median of rounds after a first one."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(TIMES + 1):
        for work, times in zip(works, spent, strict=True):
            before = time.process_time()
            work()
            times.append(time.process_time() - before)
    return (rows / median(times[1:]) for times in spent)


def peak_of(table: pa.Table) -> int:
    """Bytes that a training takes at most, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(table, path)
        command = [sys.executable, "-m", "bench.models.speed", "--memory-of", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.strip())


def peak_of_training(path: Path) -> int:
    """Bytes above those of before; a small training has loaded the libraries before."""
    table = pq.read_table(path).combine_chunks()
    schema, small = schema_of(table), table.slice(0, 5000)
    fit(small, None, schema, CONFIG, NoTracker())
    pa.default_memory_pool().release_unused()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
    fit(table, None, schema, CONFIG, NoTracker())
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """Bytes of this process that are in memory: `VmRSS` now, `VmHWM` at most."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


if __name__ == "__main__":
    typer.run(main)
