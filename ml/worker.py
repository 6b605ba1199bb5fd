"""One of the processes that train together: `python -m ml.worker FOLDER`, started by torchrun."""

import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from ml.checkpoint import Checkpoint
from ml.determinism import deterministic
from ml.device import Device
from ml.distributed import CHECKPOINT, ERROR, HELD, REPORTS, ROWS, START, TRAINED, read_rows
from ml.tabular import TabularModel
from ml.team import Team
from ml.tracker import NoTracker, Tracker
from ml.training import train


class Reports(NoTracker):
    """Writes what an epoch reports as a line of JSON, for the process that waits."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def metrics(self, values: Any, step: int) -> None:
        """Append a line."""
        with self._path.open("a") as file:
            file.write(json.dumps({"values": dict(values), "step": step}) + "\n")


def work(folder: Path, team: Team) -> None:
    """Train as one of a team; the one that speaks leaves the model in the folder."""
    start = TabularModel.load(folder / START)
    rows = read_rows(folder / ROWS)
    held = read_rows(folder / HELD) if (folder / HELD).exists() else None
    kept = json.loads((folder / CHECKPOINT).read_text())
    checkpoint = Checkpoint(kept["path"] and Path(kept["path"]), kept["fingerprint"])
    tracker: Tracker = Reports(folder / REPORTS) if team.speaks else NoTracker()
    with deterministic(start.config.seed, start.config.worker_threads):
        epochs = train(start, rows, held, tracker, checkpoint, team)
    if team.speaks:
        replace(start, epochs_run=epochs).save(folder / TRAINED)


def main(folder: Path) -> None:
    """Join the others, work, and leave the first error's words where they are looked for."""
    team = Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    place = Device.best(team).place
    if place.type == "cuda":
        torch.cuda.set_device(place)
    backend = "nccl" if place.type == "cuda" else "gloo"
    meeting = f"file://{folder / 'team'}"
    dist.init_process_group(backend, meeting, rank=team.rank, world_size=team.size)
    try:
        work(folder, team)
    except Exception as error:
        with suppress(FileExistsError), (folder / ERROR).open("x") as file:
            who = f"worker {team.rank + 1} of {team.size}"
            file.write(f"{who}: {type(error).__name__}: {error}")
        raise
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
