"""Watch a champion: features, predictions and losses of a day against what it was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

import duckdb
import pyarrow as pa

import ledger
from assets.partitions import days_between
from commit_points import reached
from declaration import MlModel
from errors import NoEvidenceError
from examples import features
from lifecycle import store
from lifecycle.quality import blocked_days, held_findings
from lifecycle.tested import (
    checksums_of,
    failed_findings,
    made_by,
    newest_made,
    unfit_days,
    window,
    without,
)
from ml import drift, feature_alarm
from ml.alarm import AlarmState, DayLoss, LossAlarmPolicy, performance
from ml.incident import Finding, incidents
from ml.sketch import ColumnSketch, sketch_table
from ml.tabular import TabularModel
from resources.lake import Lake, quoted
from resources.registry import Registry

WHAT = "drift"
PREDICTION = "prediction"
REFERENCE_DAYS = 365  # a season is no drift: half a year alarmed twice as often on a real shop


@dataclass(frozen=True)
class Check:
    """One verdict of a day. ERROR leads to training, WARN is shown only."""

    name: str
    passed: bool
    severity: Literal["ERROR", "WARN"]
    statistic: float
    threshold: float
    reason: str
    since: date | None = None  # first day of what the alarm is about


@dataclass(frozen=True)
class Watch:
    """What a day's monitoring found; `report_url` opens Evidently's page, empty without rows."""

    version: int
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    columns: tuple[drift.ColumnDrift, ...]
    report_url: str


def calibrate(
    lake: Lake, registry: Registry, model: MlModel, fitted: TabularModel, last: date,
    snapshot: int, run_id: str,
) -> None:  # fmt: skip
    """Learn how far weeks are apart anyway, from the days of `reference_rows`."""
    rows = reference_rows(lake, model, last, snapshot)
    table = watched(model, rows, fitted.predict(rows))
    daily = {day: sketch_table(part) for day, part in by_day(table, rows[model.time]).items()}
    for what, names in (("features", columns_of(table)), (PREDICTION, {PREDICTION})):
        chosen = {
            day: {n: s for n, s in found.items() if n in names} for day, found in daily.items()
        }
        text = feature_alarm.to_json(feature_alarm.calibrate(chosen))
        registry.document(run_id, f"calibration/{what}.json", text)


def reference_rows(lake: Lake, model: MlModel, last: date, snapshot: int) -> pa.Table:
    """Return the features of the reference: the days up to `last` that training may use too.

    Of days that different dbt models have made only those of the newest count.
    """
    days = days_between(last - timedelta(days=REFERENCE_DAYS - 1), last)
    unfit = unfit_days(lake, model, days, snapshot)
    used = without(days, {*blocked_days(lake, model, snapshot), *unfit})
    made = checksums_of(lake, model.features.table, used, snapshot)
    return features(lake, model, newest_made(made), snapshot)


def watch(lake: Lake, registry: Registry, model: MlModel, as_of: date) -> Watch:
    """Check the champion of a day and keep checks, findings and report.

    Raises NoEvidenceError where there is no champion yet.
    """
    version = ledger.champion_on(lake, model.name, as_of)
    if version is None:
        raise NoEvidenceError(f"{model.name}: no champion on {as_of}, so there is nothing to watch")
    calibrations = _calibrations(registry, _run_of(lake, model, version))
    fit, mixed = _fit_days(lake, model, as_of)
    current, days = _current(lake, model, fit)
    reference = {name: s for c in calibrations.values() for name, s in c.reference.items()}
    findings = held_findings(lake, as_of, model.drift.window_days) + mixed
    findings += failed_findings(lake, model, as_of)
    if days:
        findings += incidents(
            reference,
            current,
            reference_days=calibrations["features"].days,
            current_days=days,
            one_value_a_day=calibrations["features"].time_columns,
        )
    if not days and not findings:
        raise NoEvidenceError(
            f"{model.name}: no features of {window(model, as_of)[0]}..{as_of}: materialize them "
            "first"
        )
    checks = [_check(name, feature_alarm.check(c, current)) for name, c in calibrations.items()]
    checks.append(_check("performance", performance(losses(lake, model, as_of), LossAlarmPolicy())))
    checks.append(_incident_check(findings))
    report = drift.measure(
        reference, {name: current[name] for name in reference if name in current}
    )
    drawn = any(column.score is not None for column in report.columns)
    page = drift.render(reference, current, report) if drawn else None
    url = _publish(registry, model, as_of, page) if page else ""
    found = Watch(version, tuple(checks), findings, report.columns, url)
    reached("report-published")
    _keep(lake, model, as_of, found)
    return found


def losses(lake: Lake, model: MlModel, as_of: date) -> list[DayLoss]:
    """Return the live champion's daily losses known on a day, oldest first.

    Days that held deliveries make unreliable and days that failed their tests are left out.
    """
    if not store.exists(lake, store.performance(model)):
        return []
    time = quoted(model.time)
    rows = lake.rows(
        f"""select {time} as day, rows, mean_loss, sd_loss
        from {quoted("ml", store.performance(model))}
        where version = ? and {time} <= ?::date - ?::integer order by 1""",
        [ledger.champion_on(lake, model.name, as_of), as_of, model.label.horizon_days],
    )
    blocked = blocked_days(lake, model)
    left_out = blocked | unfit_days(lake, model, [row["day"] for row in rows]).keys()
    return [
        DayLoss(row["day"], row["rows"], row["mean_loss"], row["sd_loss"])
        for row in rows
        if row["day"] not in left_out
    ]


def watched(model: MlModel, rows: pa.Table, predictions: Any) -> pa.Table:
    """Return feature columns and the prediction."""
    scores = pa.array(predictions, pa.float64())
    return watched_features(model, rows).append_column(PREDICTION, scores)


def watched_features(model: MlModel, rows: pa.Table) -> pa.Table:
    """Return feature columns, without entity, time and excluded columns."""
    hidden = {model.entity, model.time, *model.features.exclude}
    return rows.select([name for name in rows.column_names if name not in hidden])


def by_day(table: pa.Table, time: pa.ChunkedArray) -> dict[date, pa.Table]:
    """Split rows by day; both are ordered by day."""
    runs = time.combine_chunks().cast(pa.date32())
    encoded = pa.compute.run_end_encode(runs)
    ends = encoded.run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    return {
        day: table.slice(start, end - start)
        for day, start, end in zip(encoded.values.to_pylist(), starts, ends, strict=True)
    }


def columns_of(table: pa.Table) -> set[str]:
    """Return the names of the feature columns."""
    return set(table.column_names) - {PREDICTION}


@lru_cache(maxsize=4)
def _calibrations(registry: Registry, run_id: str) -> Mapping[str, feature_alarm.Calibration]:
    return {
        what: feature_alarm.from_json(registry.read(run_id, f"calibration/{what}.json"))
        for what in ("features", PREDICTION)
    }


def _run_of(lake: Lake, model: MlModel, version: int) -> str:
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    return lake.rows(query, [model.name, version])[0]["mlflow_run"]


def _fit_days(lake: Lake, model: MlModel, as_of: date) -> tuple[list[date], tuple[Finding, ...]]:
    """Return the days of the window that may be compared, and a finding where code has changed.

    A week that two versions of a feature have made is none: only the newest version's days count,
    and nothing is trained on what they show until the others have been built again.
    """
    made = checksums_of(lake, model.features.table, window(model, as_of))
    if len(set(made.values())) <= 1:
        return list(made), ()
    reason = f"{model.features.table} was made by different dbt models ({made_by(made)})"
    fit = newest_made(made)
    return fit, (Finding("mixed features", None, reason, float(len(made) - len(fit)), 0.0),)


def _current(
    lake: Lake, model: MlModel, days: Sequence[date]
) -> tuple[dict[str, ColumnSketch], int]:
    """Return sketches of features and predictions of `days`, and how many days have rows."""
    rows = features(lake, model, days)
    if not rows.num_rows:
        return {}, 0
    time = quoted(model.time)
    scores = lake.read(
        f"""select prediction from {quoted("ml", store.predictions(model))}
        where {time} in (select unnest(?)) order by {time}, {quoted(model.entity)}""",
        [list(days)],
    )
    seen = len(set(rows[model.time].to_pylist()))
    return {**sketch_table(watched_features(model, rows)), **sketch_table(scores)}, seen


def _check(name: str, state: AlarmState) -> Check:
    severity: Literal["ERROR", "WARN"] = "ERROR" if state.calibrated else "WARN"
    values = (state.statistic, state.threshold, state.reason, state.since)
    return Check(name, not state.raised, severity, *values)


def _incident_check(findings: Sequence[Finding]) -> Check:
    reason = "; ".join(f.reason for f in findings) or "no data incident"
    return Check("incidents", not findings, "WARN", float(len(findings)), 0.0, reason)


def _publish(registry: Registry, model: MlModel, as_of: date, html: str) -> str:
    with registry.run(f"{model.name}-drift", str(as_of), {"as_of": str(as_of)}) as run_id:
        return registry.document(run_id, "drift.html", html)


def _keep(lake: Lake, model: MlModel, as_of: date, found: Watch) -> None:
    store.keep(lake, model, WHAT, as_of, asdict(found))
    reached("drift-kept")

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        key = [model.name, as_of]
        connection.execute("delete from ledger.checks where model = ? and as_of = ?", key)
        for check in found.checks:
            row = {"model": model.name, "as_of": as_of, "version": found.version, **asdict(check)}
            ledger.insert(connection, "checks", row)

    lake.transact(write)
