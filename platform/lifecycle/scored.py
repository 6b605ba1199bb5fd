"""What one version makes of some days: predictions, and notes of how fast and what was wrong."""

from collections.abc import Mapping, Sequence
from datetime import date
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from declaration import MlModel
from lifecycle import guard
from lifecycle.candidate import manifest_of
from lifecycle.guard import rows_without
from lifecycle.loaded import fitted_of
from lifecycle.own_features import OwnFeatures, own_features
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
) -> Part:
    """Score days of sound features by one version, as the SQL has them that it has learned from."""
    manifest = manifest_of(lake, registry, model, version)
    learned, time = manifest.get("columns", {}), model.time
    known = manifest["dbt"][model.features.table]
    own = own_features(lake, model, days, known)
    rows = own.rows(lake)
    refused = guard.refused_days(rows, own.model, learned, version)
    schema = guard.changed_columns(guard.types_of(rows), learned)
    rows = rows_without(rows, time, refused)
    scores, row_ms = _predictions(registry, model, version, rows)
    odd = not_finite(rows[time], scores, f"{model.name} version {version}")
    given = columns_of(model, scores).values()
    columns = [rows[model.entity], rows[time], *given, [version] * rows.num_rows]
    table = rows_without(pa.table(columns, predicted(model)), time, odd)
    faults = {day: (SCHEMA, why) for day, why in refused.items()} if schema else {}
    faults |= {day: (NOT_FINITE, why) for day, why in odd.items()}
    scored = {day: own.foreign.get(day, known) for day in days}
    notes = _notes(model, role, version, scored, table[time], row_ms, faults)
    return Part(table, notes, refused | odd, _other_code(version, known, own))


def _other_code(version: int, known: str, own: OwnFeatures) -> str | None:
    """Say on which days a version has scored what it has not learned from, None where on none."""
    if not own.foreign:
        return None
    told = f"version {version} learned from {known[:8]}, whose SQL is not kept"
    return f"{told}: {made_by(own.foreign)}"


def unusable(model: MlModel, role: str, version: int, days: Sequence[date], why: str) -> Part:
    """Return what a version made of days that it could not score at all."""
    empty, faults = predicted(model).empty_table(), dict.fromkeys(days, (UNUSABLE, why))
    notes = _notes(model, role, version, dict.fromkeys(days), empty[model.time], None, faults)
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
    days: Mapping[date, str | None],
    scored: pa.ChunkedArray,
    row_ms: float | None,
    faults: Mapping[date, tuple[str, str]],
) -> list[dict[str, Any]]:
    """Return a row of `ml.<model>_scoring` for each of `days`; scored: the day of every row.

    days: with the checksum of the SQL whose rows were scored.
    """
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
            "features": features,
        }
        for day, features in days.items()
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
