"""What a training run reports to; MLflow stands behind it in production, nothing in tests."""

from collections.abc import Mapping
from typing import Protocol


class Tracker(Protocol):
    """A sink for what a run was given and how it went."""

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Record settings, once per run."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record numbers of one epoch."""


class NoTracker:
    """A tracker that keeps nothing."""

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Take and forget."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Take and forget."""
