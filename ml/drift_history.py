"""Reports of many days in Evidently's own workspace, which `evidently ui` shows over time."""

from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID, uuid5

from ml.drift import DriftReport, evidently_report
from ml.sketch import ColumnSketch

if TYPE_CHECKING:
    from evidently.ui.workspace import Workspace

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
    from evidently.ui.workspace import Workspace

    names = [c.column for c in report.columns if c.score is not None][:WORST]
    made = evidently_report(reference, current, names, datetime.combine(as_of, time()))
    made.set_name(f"{model} {as_of}")
    workspace = Workspace.create(str(folder))
    project = uuid5(NAMESPACE_URL, model)
    if workspace.get_project(project) is None:
        _add(workspace, project, model)
    workspace.state.write_snapshot(project, _id(as_of), made.to_snapshot_model())
    for old in sorted(workspace.list_runs(project))[:-KEPT]:
        workspace.delete_run(project, old)


def _add(workspace: "Workspace", project: UUID, model: str) -> None:
    from evidently.ui.workspace import ProjectModel

    workspace.add_project(ProjectModel(id=project, name=model))


def _id(as_of: date) -> UUID:
    """A day's name among the reports: in the order of days, so that the oldest are found."""
    return UUID(f"00000000-0000-7000-8000-0000{as_of:%Y%m%d}")
