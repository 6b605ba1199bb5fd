"""A trained tabular network as an artifact: scoring, saving, loading."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from ml.determinism import deterministic
from ml.errors import ArtifactError
from ml.network import Network
from ml.preprocessing import Encoded, Preprocessing
from ml.schema import Schema
from ml.task import Floats, Task, task_of
from ml.temperature import IDENTITY, Calibration

FORMAT = 3  # of the artifact; raise it when an older one can no longer be read
BATCH_ROWS = 1024  # bounds memory while scoring, whatever the table's length


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training.

    The defaults were chosen on the real shop's decision days before 2011-08-01 and the simulated
    shop's before its drift, never on later ones.

    `epochs` is the length of the learning rate's schedule, `patience` how many epochs may pass
    without a better holdout. Where there is no holdout, `stop_after` epochs are run and
    `calibration` is used as given. Few rows get smaller batches (`ml.training.batches_of`) and a
    larger share of the linear path: `linear_rows` is the number of rows at which it is one half.
    """

    seed: int = 7
    threads: int = 1  # 30 s for 100,000 rows; a second one waits where the machine is busy
    workers: int = 1  # processes that train together (`ml.distributed`) and share the threads
    epochs: int = 4
    patience: int = 2
    stop_after: int | None = None
    calibration: Calibration = IDENTITY
    batch_rows: int = 1024
    least_batch_rows: int = 128
    batches: int = 60  # wanted in an epoch, within the batch sizes above
    learning_rate: float = 2e-3
    weight_decay: float = 3e-4
    dropout: float = 0.1
    members: int = 2
    width: int = 256
    embedding: int = 4
    bins: int = 8
    min_level_rows: int = 20
    inverse_ridge: float = 0.1  # rows of one entity repeat each other: 1.0 overfits
    linear_rows: int = 2_500
    level_ridge: float = 4.0  # of days; about thirty of them weigh as much
    level_half_life_days: float = 56.0

    @property
    def worker_threads(self) -> int:
        """What each worker gets of the threads."""
        return max(1, self.threads // self.workers)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """Read back `asdict`."""
        return cls(**{**values, "calibration": Calibration.from_dict(values["calibration"])})


@dataclass(frozen=True)
class TabularModel:
    """A network with all that scoring needs; `epochs_run` is what a refit repeats."""

    task: Task
    preprocessing: Preprocessing
    network: Network
    calibration: Calibration
    config: TrainConfig
    epochs_run: int

    def predict(self, table: pa.Table) -> Floats:
        """Predictions of the task; raises SchemaError for a changed table."""
        encoded = self.preprocessing.transform(table)
        with deterministic(self.config.seed, self.config.threads):
            raw = raw_predictions(self.network, self.task, encoded)
            return self.calibration.apply(self.task, raw)

    @property
    def schema(self) -> Schema:
        """The columns that it reads."""
        return self.preprocessing.schema

    @property
    def refit_config(self) -> TrainConfig:
        """The same recipe for more rows and no holdout."""
        return replace(self.config, stop_after=self.epochs_run, calibration=self.calibration)

    def digest(self) -> str:
        """Hash of metadata and every weight's bits, 32 hex characters: equal models, equal hash."""
        hasher = hashlib.blake2b(self._metadata().encode(), digest_size=16)
        for name, weights in sorted(self.network.state_dict().items()):
            hasher.update(name.encode())
            hasher.update(weights.numpy().tobytes())
        return hasher.hexdigest()

    def save(self, folder: Path) -> None:
        """Write `model.json` and `weights.pt`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.json").write_text(self._metadata())
        torch.save(self.network.state_dict(), folder / "weights.pt")

    @classmethod
    def load(cls, folder: Path) -> "TabularModel":
        """Read what `save` wrote; runs no code from the file. Raises ArtifactError."""
        try:
            values = json.loads((folder / "model.json").read_text())
            if values["format"] != FORMAT:
                raise ArtifactError(
                    f"{folder} has format {values['format']}, this build reads {FORMAT}: "
                    "load it with the build that saved it"
                )
            model = cls._from_metadata(values)
            weights = torch.load(folder / "weights.pt", weights_only=True)
            model.network.load_state_dict(weights)
        except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError(f"{folder} is no tabular model ({error}): save it again") from error
        return model

    def _metadata(self) -> str:
        values = {
            "format": FORMAT,
            "estimator": "tabular",
            "epochs_run": self.epochs_run,
            "calibration": asdict(self.calibration),
            "config": asdict(self.config),
            "preprocessing": self.preprocessing.to_dict(),
        }
        if self.task.scale:
            values["scale"] = self.task.scale
        return json.dumps(values, indent=1)

    @classmethod
    def _from_metadata(cls, values: dict[str, Any]) -> "TabularModel":
        preprocessing = Preprocessing.from_dict(values["preprocessing"])
        config = TrainConfig.from_dict(values["config"])
        schema = preprocessing.schema
        return cls(
            task_of(schema.task, schema.classes, values.get("scale")),
            preprocessing,
            build_network(preprocessing, config),
            Calibration.from_dict(values["calibration"]),
            config,
            values["epochs_run"],
        )


def build_network(preprocessing: Preprocessing, config: TrainConfig) -> Network:
    """An untrained network that fits the preprocessing's outputs."""
    return Network(
        preprocessing.bins,
        preprocessing.cardinalities,
        len(preprocessing.of_days),
        outputs=preprocessing.schema.target.outputs,
        members=config.members,
        width=config.width,
        embedding=config.embedding,
        dropout=config.dropout,
    )


def raw_predictions(network: Network, task: Task, rows: Encoded) -> Floats:
    """Predictions before calibration."""
    return task.predictions(raw_output(network, task, rows))


def raw_output(network: Network, task: Task, rows: Encoded) -> Tensor:
    """The network's output, shape [rows, outputs], on the CPU."""
    network.eval()
    parts = (rows.positions, rows.codes, rows.shared)
    with torch.inference_mode():
        batches = zip(*(part.split(BATCH_ROWS) for part in parts), strict=True)
        return torch.cat([network.output(task, *batch).cpu() for batch in batches])
