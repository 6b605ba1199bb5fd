"""The drift report of a day: a page with the MLflow run, a snapshot in Evidently's own history."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from declaration import MlModel
from ml.drift import DriftReport
from ml.drift_history import remember
from ml.drift_page import page
from ml.sketch import ColumnSketch
from resources.registry import Registry


def publish(
    registry: Registry,
    model: MlModel,
    as_of: date,
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    report: DriftReport,
    workspace: Path | None,
) -> str:
    """Keep the report and return where it opens; empty where no column could be compared."""
    if all(column.score is None for column in report.columns):
        return ""
    if workspace:
        remember(workspace, model.name, as_of, reference, current, report)
    title = f"{model.name}: drift of {as_of}"
    with registry.run(f"{model.name}-drift", str(as_of), {"as_of": str(as_of)}) as run_id:
        return registry.document(run_id, "drift.html", page(title, reference, current, report))
