"""Watch a champion: features, predictions and losses of a day against what it was made from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

import ledger
from commit_points import reached
from declaration import MlModel
from errors import NoEvidenceError
from lifecycle import store
from lifecycle.acceptance import in_force
from lifecycle.broken import Builds, accepted_days, builds_of
from lifecycle.broken import keep as keep_broken
from lifecycle.calibration import known_of, label_days
from lifecycle.losses import losses
from lifecycle.quality import held_findings
from lifecycle.reports import publish
from lifecycle.tested import failed_findings, window
from lifecycle.watched import doubtful, recent
from ml.accepted import Accepted, apart
from ml.drift import ColumnDrift, measure
from ml.incident import Finding
from ml.known import Known
from ml.merging import merge_tables
from ml.watching import (
    Check,
    Days,
    Seen,
    broken,
    broken_together,
    checks,
    predictions_of,
    reference_of,
    sound,
)
from resources.lake import Lake
from resources.registry import Registry
from resources.whole import whole


@dataclass(frozen=True)
class Watch:
    """What a day's monitoring found; `report_url` opens the drift report, empty without rows.

    importance: of columns for the champion, the largest 1.
    """

    version: int
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    columns: tuple[ColumnDrift, ...]
    importance: Mapping[str, float]
    report_url: str


@dataclass(frozen=True)
class Wrong:
    """What is wrong with days seen alone, with the window, and what of it a person has accepted."""

    alone: Mapping[date, Sequence[Finding]]
    findings: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]


def watch(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, workspace: Path | None = None
) -> Watch:
    """Check the champion of a day and keep checks, findings and report.

    Which days are broken is kept of the newest days only: the champion of an old one knows less.
    workspace: folder where Evidently's own history of reports is kept too.
    Raises NoEvidenceError where there is no champion yet.
    """
    version = ledger.champion_on(lake, model.name, as_of)
    if version is None:
        raise NoEvidenceError(f"{model.name}: no champion on {as_of}, so there is nothing to watch")
    known = known_of(registry, _run_of(lake, model, version))
    accepted, builds = in_force(lake, model, version), builds_of(lake, model)
    days, mixed = recent(lake, model, as_of)
    current = {day: days[day] for day in window(model, as_of) if day in days}
    looked = {**doubtful(lake, model, as_of, accepted), **days}
    told = held_findings(lake, as_of, model.drift.window_days) + mixed
    told += failed_findings(lake, model, as_of)
    wrong = _wrong(known, looked, current, told, as_of, accepted, accepted_days(lake, model))
    if not current and not wrong.findings:
        raise NoEvidenceError(
            f"{model.name}: no features of {window(model, as_of)[0]}..{as_of}: materialize them "
            "first"
        )
    healthy = sound(model.target, looked, wrong.alone)
    compared = {day: table for day, table in healthy.items() if day in days}
    seen = _seen(lake, model, as_of, compared)
    verdicts = checks(model.target, known, seen, wrong.findings, wrong.accepted)
    merged = merge_tables(current.values())
    reference = reference_of(known, merged)
    report = measure(reference, {name: merged[name] for name in reference if name in merged})
    url = publish(registry, model, as_of, reference, merged, report, workspace)
    importance = known.features.importance
    found = Watch(version, verdicts, wrong.findings, report.columns, importance, url)
    reached("report-published")
    reasons = {
        day: "; ".join(f.reason for f in wrong.alone[day]) for day in looked if day not in healthy
    }
    _keep(lake, model, as_of, found, {day: builds.get(day) for day in looked}, reasons)
    return found


def _wrong(
    known: Known,
    looked: Days,
    current: Days,
    told: tuple[Finding, ...],
    as_of: date,
    accepted: Sequence[Accepted],
    as_they_are: Collection[date],
) -> Wrong:
    """Return what is wrong beside what was `told`; as_they_are: days that a person has accepted."""
    alone, covered = {}, set()
    for day, found in broken(known, looked).items():
        left, by = apart([] if day in as_they_are else found, accepted, as_of)
        covered |= by if day in current else set()
        if left:
            alone[day] = left
    findings = told + tuple(finding for day in current for finding in alone.get(day, ()))
    strange = {day: table for day, table in current.items() if day not in as_they_are}
    if strange:
        left, by = apart(broken_together(known, strange, findings), accepted, as_of)
        findings, covered = (*findings, *left), covered | by
    return Wrong(alone, findings, tuple(sorted(covered, key=str)))


def _seen(lake: Lake, model: MlModel, as_of: date, days: Days) -> Seen:
    scores = {day: predictions_of(model.target, table) for day, table in days.items()}
    live = {day: table for day, table in scores.items() if table}
    matured = as_of - timedelta(days=model.label.horizon_days)
    return Seen(
        features=days,
        live=live,
        labels=label_days(lake, model, [day for day in days if day <= matured]),
        unlabelled={day: table for day, table in live.items() if day > matured},
        losses=losses(lake, model, as_of),
    )


def _run_of(lake: Lake, model: MlModel, version: int) -> str:
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    return lake.rows(query, [model.name, version])[0]["mlflow_run"]


def _keep(
    lake: Lake,
    model: MlModel,
    as_of: date,
    found: Watch,
    looked: Builds,
    reasons: Mapping[date, str],
) -> None:
    store.keep(lake, model, store.DRIFT, as_of, asdict(found))
    reached("drift-kept")
    newest = ledger.frontier(lake, model.name)
    is_old = newest is not None and newest["as_of"] > as_of

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        key = [model.name, as_of]
        with whole(connection):
            connection.execute("delete from ledger.checks where model = ? and as_of = ?", key)
        for check in found.checks:
            row = {"model": model.name, "as_of": as_of, "version": found.version, **asdict(check)}
            del row["sums"]  # the document has them
            ledger.insert(connection, "checks", row)
        if not is_old:
            keep_broken(connection, model, looked, reasons)

    lake.transact(write)
