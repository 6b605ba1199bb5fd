"""What one version makes of some days: predictions, and notes of how fast and what was wrong."""

from collections.abc import Mapping, Sequence
from datetime import date
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from declaration import MlModel
from examples import features
from lifecycle import guard
from lifecycle.candidate import manifest_of
from lifecycle.guard import rows_without
from lifecycle.loaded import fitted_of
from lifecycle.predictions import Part, columns_of, predicted
from lifecycle.tested import made_by
from ml.task import Floats
from resources.lake import Lake
from resources.registry import Registry

SCHEMA, NOT_FINITE, UNUSABLE = "schema fault", "predictions not finite", "unusable"


def score(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    role: str,
    version: int,
    days: list[date],
    code: Mapping[date, str],
) -> Part:
    """Score days of sound features by one version; code: checksum of who made each day."""
    manifest = manifest_of(lake, registry, model, version)
    learned, time = manifest.get("columns", {}), model.time
    rows = features(lake, model, days)
    refused = guard.refused_days(rows, model, learned, version)
    schema = guard.changed_columns(guard.types_of(rows), learned)
    rows = rows_without(rows, time, refused)
    scores, row_ms = _predictions(registry, model, version, rows)
    odd = not_finite(rows[time], scores, f"{model.name} version {version}")
    given = columns_of(model, scores).values()
    columns = [rows[model.entity], rows[time], *given, [version] * rows.num_rows]
    table = rows_without(pa.table(columns, predicted(model)), time, odd)
    faults = {day: (SCHEMA, why) for day, why in refused.items()} if schema else {}
    faults |= {day: (NOT_FINITE, why) for day, why in odd.items()}
    notes = _notes(model, role, version, days, table[time], row_ms, faults)
    known = manifest["dbt"][model.features.table]
    made = {day: code[day] for day in days if code[day] != known}
    other = f"version {version} learned from {known[:8]}: {made_by(made)}" if made else None
    return Part(table, notes, refused | odd, other)


def unusable(model: MlModel, role: str, version: int, days: Sequence[date], why: str) -> Part:
    """Return what a version made of days that it could not score at all."""
    empty, faults = predicted(model).empty_table(), dict.fromkeys(days, (UNUSABLE, why))
    notes = _notes(model, role, version, days, empty[model.time], None, faults)
    return Part(empty, notes, dict.fromkeys(days, why))


def _predictions(
    registry: Registry, model: MlModel, version: int, rows: pa.Table
) -> tuple[Floats, float | None]:
    """Return a version's predictions and its milliseconds per row."""
    if not rows.num_rows:  # columns may be gone: what is not asked cannot fail
        return np.empty(model.target.shape(0)), None
    fitted = fitted_of(registry, model, version)
    started = perf_counter()
    scores = fitted.predict(rows)
    return scores, 1000 * (perf_counter() - started) / rows.num_rows


def _notes(
    model: MlModel,
    role: str,
    version: int,
    days: Sequence[date],
    scored: pa.ChunkedArray,
    row_ms: float | None,
    faults: Mapping[date, tuple[str, str]],
) -> list[dict[str, Any]]:
    """Return a row of `ml.<model>_scoring` for each of `days`; scored: the day of every row."""
    counts = {each["values"]: each["counts"] for each in scored.value_counts().to_pylist()}
    return [
        {
            model.time: day,
            "version": version,
            "role": role,
            "rows": counts.get(day, 0),
            "row_ms": row_ms if day in counts else None,
            "fault": faults.get(day, (None, None))[0],
            "detail": faults.get(day, (None, None))[1],
        }
        for day in days
    ]


def not_finite(days: pa.ChunkedArray, scores: Floats, who: str) -> dict[date, str]:
    """Return the days that have a prediction that is no finite number, and how many."""
    finite = np.isfinite(scores)
    bad = ~(finite if finite.ndim == 1 else finite.all(axis=1))
    if not bad.any():
        return {}
    found = days.filter(pa.array(bad)).value_counts().to_pylist()
    return {
        each["values"]: f"{each['counts']} predictions of {who} are not finite: go back with "
        "`leeway rollback`, or promote another"
        for each in found
    }
