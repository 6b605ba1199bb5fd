"""The state of a training, kept so that one that was killed goes on from its last whole epoch.

An epoch takes seconds and its state a few megabytes, so nothing is kept within an epoch. Every
epoch seeds itself (`ml.determinism.mixed`), so no random state needs to be kept either.
"""

import copy
import hashlib
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

logger = logging.getLogger("leeway")


@dataclass
class LoopState:
    """All that the next epoch depends on; `losses` has one entry for each epoch that has ended."""

    network: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    losses: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = np.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Epochs that have ended."""
        return len(self.losses)

    def keep_best(self, loss: float) -> None:
        """Remember the weights of the epoch that has just ended."""
        self.best_epoch, self.best_loss = self.epoch, loss
        self.best_weights = copy.deepcopy(self.network.state_dict())

    def to_dict(self) -> dict[str, Any]:
        """Tensors, numbers and text only."""
        parts = {name: getattr(self, name).state_dict() for name in STATEFUL}
        return {**parts, **{name: getattr(self, name) for name in PLAIN}}

    def take(self, values: dict[str, Any]) -> None:
        """Go back to what `to_dict` said."""
        for name in STATEFUL:
            getattr(self, name).load_state_dict(values[name])
        for name in PLAIN:
            setattr(self, name, values[name])


STATEFUL = ("network", "optimizer", "schedule")
PLAIN = ("losses", "best_epoch", "best_loss", "best_weights")


@dataclass(frozen=True)
class Checkpoint:
    """Where a loop keeps its state; without a path nothing is kept, and nothing found.

    fingerprint: of all that decides about the weights; a state of any other training is ignored.
    """

    path: Path | None = None
    fingerprint: str = ""

    def save(self, state: LoopState) -> None:
        """Replace the file by the state of now: whole or not at all, however the process ends."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        values = {"fingerprint": self.fingerprint, **state.to_dict()}
        part = self.path.with_name(f"{self.path.name}.part")
        with part.open("wb") as file:
            torch.save(values, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)

    def resume(self, state: LoopState) -> None:
        """Bring a state to where the file says that this training has come; else leave it."""
        if self.path is None or not self.path.exists():
            return
        try:  # weights_only: a file of tensors, numbers and text, that runs no code
            values = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            logger.warning("%s cannot be read (%s): training starts anew", self.path, error)
            return
        if values["fingerprint"] != self.fingerprint:
            logger.warning(
                "%s is of other rows, settings or another build: training starts anew", self.path
            )
            return
        state.take(values)
        logger.info("training goes on after epoch %d of %s", state.epoch, self.path)


def fingerprint_of(*parts: str | Tensor) -> str:
    """Hash texts and tensors in their order, 32 hex characters."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, Tensor):
            hasher.update(f"{part.dtype}{tuple(part.shape)}".encode())
            hasher.update(part.contiguous().numpy().data)
        else:
            hasher.update(part.encode())
    return hasher.hexdigest()
