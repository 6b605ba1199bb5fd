"""What a training run reports to; MLflow stands behind it in production, nothing in tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Tracker(Protocol):
    """A sink for what a run was given and how it went, and the place of its checkpoint."""

    @property
    def checkpoint(self) -> Path | None:
        """File of its own that a training may keep its state in, to go on from after a kill."""

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Record settings, once per run."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record numbers of one epoch; one that goes on tells those before the kill once more."""


class NoTracker:
    """A tracker that keeps nothing."""

    checkpoint: Path | None = None

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Take and forget."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Take and forget."""
