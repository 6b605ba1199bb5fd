"""Reports of many days in Evidently's own workspace, which `evidently ui` shows over time."""

from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from ml.drift import DriftReport, evidently_report
from ml.sketch import ColumnSketch

KEPT = 100  # reports of one model; older ones go
WORST = 12  # columns of one report


def remember(
    folder: Path,
    model: str,
    as_of: date,
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    report: DriftReport,
) -> None:
    """Keep a day's report in the workspace at `folder`, in place of an earlier one of the day."""
    from evidently.sdk.models import ProjectModel
    from evidently.ui.storage.local.base import LocalState

    names = [c.column for c in report.columns if c.score is not None][:WORST]
    made = evidently_report(reference, current, names, datetime.combine(as_of, time()))
    made.set_name(f"{model} {as_of}")
    folder.mkdir(parents=True, exist_ok=True)
    kept = LocalState(str(folder))  # of a `Workspace`, which reads all reports when it is opened
    project = uuid5(NAMESPACE_URL, model)
    if project not in kept.list_projects():
        kept.write_project(ProjectModel(id=project, name=model))
    kept.write_snapshot(project, _id(as_of), made.to_snapshot_model())
    for old in sorted(kept.list_snapshots(project))[:-KEPT]:
        kept.delete_snapshot(project, old)


def _id(as_of: date) -> UUID:
    """A day's name among the reports: in the order of days, so that the oldest are found."""
    return UUID(f"00000000-0000-7000-8000-0000{as_of:%Y%m%d}")
