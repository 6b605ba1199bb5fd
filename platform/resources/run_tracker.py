"""What a training loop tells MLflow while it runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from commit_points import reached

if TYPE_CHECKING:
    from mlflow import MlflowClient


class RunTracker:
    """Reports a training run to one MLflow run; see `ml.tracker.Tracker`."""

    def __init__(self, client: "MlflowClient", run_id: str, checkpoint: Path | None = None) -> None:
        self._client, self._run_id, self.checkpoint = client, run_id, checkpoint

    def params(self, values: Mapping[str, str | int | float | bool]) -> None:
        """Record settings."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in values.items()]
        self._client.log_batch(self._run_id, params=params)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record the numbers of one epoch."""
        from mlflow.entities import Metric

        now = 0  # epochs are the clock here: the curve has no wall-clock axis
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._run_id, metrics=metrics)
        reached("epoch-told")
