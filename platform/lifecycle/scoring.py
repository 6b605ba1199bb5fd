"""Predictions by the champion of each day, and by its shadow while it is on trial."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from time import perf_counter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from declaration import MlModel
from examples import features, put_days
from ledger import reign_on
from lifecycle import guard, store
from lifecycle.candidate import manifest_of
from lifecycle.guard import rows_without
from lifecycle.tested import checksums_of, made_by, untested, without
from lifecycle.trial import CHAMPION, SHADOW, trial_of
from ml.schema import Floats
from resources.lake import Lake, quoted
from resources.registry import Registry

logger = logging.getLogger("leeway")
SCHEMA, NOT_FINITE, UNUSABLE = "schema fault", "predictions not finite", "unusable"
NOTES = """{time} date, version integer, role varchar, rows bigint, row_ms double, fault varchar,
    detail varchar"""


@dataclass(frozen=True)
class Scored:
    """What a pass over days with a champion came to.

    skipped: days without predictions, and why. other_code: versions that scored features of other
    dbt models than those they learned from, and which days. shadow: what a champion's predecessor
    could not score beside it.
    """

    rows: int
    days: int
    skipped: Mapping[date, str]
    other_code: tuple[str, ...]
    shadow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """What one version made of some days; notes are rows of `ml.<model>_scoring`."""

    predictions: pa.Table
    notes: list[dict[str, Any]]
    skipped: Mapping[date, str]
    other_code: str | None = None


def predict(lake: Lake, registry: Registry, model: MlModel, days: Sequence[date]) -> Scored:
    """Score `days`, each by the version that the ledger names for it, and by its shadow.

    Days before the first champion are left without rows, and so are, by name, days whose features
    have not passed their tests or do not fit the version, and days of which any prediction is not
    finite. What a shadow cannot do stops nothing.
    """
    reigns = {day: found for day in days if (found := reign_on(lake, model.name, day))}
    code = checksums_of(lake, model.features.table, list(reigns))
    missing = dict.fromkeys(reigns, f"{model.features.table} has not been built")
    unfit = missing | untested(lake, [model.features.table], list(reigns))
    skipped = {day: why for day, why in unfit.items() if day not in code}
    fit = {day: code[day] for day in without(list(reigns), skipped)}
    live = {day: reigns[day]["version"] for day in fit}
    parts = [_score(lake, registry, model, CHAMPION, *chosen, fit) for chosen in by_version(live)]
    shadows = _shadows(lake, registry, model, {day: reigns[day] for day in fit}, fit)
    _keep(lake, model, days, parts, shadows)
    for part in parts:
        skipped |= part.skipped
    return Scored(
        sum(part.predictions.num_rows for part in parts),
        len(without(list(reigns), skipped)),
        skipped,
        tuple(part.other_code for part in parts if part.other_code),
        tuple(dict.fromkeys(f"{day}: {why}" for p in shadows for day, why in p.skipped.items())),
    )


def by_version(days: Mapping[date, int]) -> Iterator[tuple[int, list[date]]]:
    """Return each version and the consecutive ones of `days` that it scores."""
    for version, group in groupby(days, key=lambda day: days[day]):
        yield version, list(group)


def withdraw(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Remove predictions and losses of days whose features have failed; returns predictions gone.

    What was predicted from rows that a day no longer has would look like a prediction from it.
    """
    tables = (store.predictions, store.performance, store.shadow, store.scoring)
    names = [name(model) for name in tables]
    kept = [quoted("ml", name) for name in names if store.exists(lake, name)]
    if not kept or not days:
        return 0
    within = f"where {quoted(model.time)} in (select unnest(?))"

    def remove(connection: duckdb.DuckDBPyConnection) -> int:
        found = connection.execute(f"select count(*) from {kept[0]} {within}", [list(days)])
        rows = int(found.fetchall()[0][0])
        for table in kept if rows else ():
            connection.execute(f"delete from {table} {within}", [list(days)])
        return rows

    return lake.transact(remove)


def unscored(lake: Lake, model: MlModel, first: date, last: date) -> list[date]:
    """Return the days of a span that a champion should have scored and that have no prediction."""
    if not store.exists(lake, store.predictions(model)):
        return []
    time, predictions = quoted(model.time), quoted("ml", store.predictions(model))
    scored = f"select distinct {time} from {predictions} where {time} between $first and $last"
    found = lake.rows(
        f"""select day from ledger.partitions
        where table_name = $table and status = 'passed' and rows > 0
            and day between $first and $last
            and day > (select min(as_of) from ledger.champions where model = $model)
            and day not in ({scored})
        order by day""",
        {"table": model.features.table, "model": model.name, "first": first, "last": last},
    )
    return [row["day"] for row in found]


def _score(
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
    columns = [rows[model.entity], rows[time], scores, [version] * rows.num_rows]
    table = rows_without(pa.table(columns, _predicted(model)), time, odd)
    faults = {day: (SCHEMA, why) for day, why in refused.items()} if schema else {}
    faults |= {day: (NOT_FINITE, why) for day, why in odd.items()}
    notes = _notes(model, role, version, days, table[time], row_ms, faults)
    known = manifest["dbt"][model.features.table]
    made = {day: code[day] for day in days if code[day] != known}
    other = f"version {version} learned from {known[:8]}: {made_by(made)}" if made else None
    return Part(table, notes, refused | odd, other)


def _predictions(
    registry: Registry, model: MlModel, version: int, rows: pa.Table
) -> tuple[Floats, float | None]:
    """Return a version's predictions, shape [rows], and its milliseconds per row."""
    if not rows.num_rows:  # columns may be gone: what is not asked cannot fail
        return np.empty(0), None
    fitted, started = registry.load(model.name, version), perf_counter()
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
    bad = ~np.isfinite(scores)
    if not bad.any():
        return {}
    found = days.filter(pa.array(bad)).value_counts().to_pylist()
    return {
        each["values"]: f"{each['counts']} predictions of {who} are not finite: go back with "
        "`leeway rollback`, or promote another"
        for each in found
    }


def _shadows(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    reigns: Mapping[date, dict[str, Any]],
    code: Mapping[date, str],
) -> list[Part]:
    """Score the days that a champion is on trial by the version before it; warn where that fails.

    reigns: rows of `ledger.champions` by day.
    """
    trials = {day: trial_of(model, reign) for day, reign in reigns.items()}
    on_trial = {day: t.shadow for day, t in trials.items() if t and day <= t.end}
    parts = []
    for version, days in by_version(on_trial):
        try:
            parts.append(_score(lake, registry, model, SHADOW, version, days, code))
        except Exception as error:  # whatever is wrong with an older version, the live one goes on
            why = f"shadow version {version} cannot score: {type(error).__name__}: {error}"
            logger.warning("%s %s..%s: %s", model.name, days[0], days[-1], why)
            empty, faults = _predicted(model).empty_table(), dict.fromkeys(days, (UNUSABLE, why))
            notes = _notes(model, SHADOW, version, days, empty[model.time], None, faults)
            parts.append(Part(empty, notes, dict.fromkeys(days, why)))
    return parts


def _keep(
    lake: Lake, model: MlModel, days: Sequence[date], live: list[Part], shadows: list[Part]
) -> None:
    """Replace what was predicted of `days`, by whom and how, in one transaction."""
    time, empty = model.time, _predicted(model).empty_table()
    predicted = f"{quoted(model.entity)} varchar, {quoted(time)} date, prediction double, "
    predicted += "version integer"
    described = NOTES.format(time=quoted(time))
    notes = [note for part in (*live, *shadows) for note in part.notes]
    noted = pa.Table.from_pylist(notes, _noted(model))
    tables = [
        (store.predictions(model), [part.predictions for part in live], predicted),
        (store.shadow(model), [part.predictions for part in shadows], predicted),
        (store.scoring(model), [noted], described),
    ]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        for name, parts, columns in tables:
            rows = pa.concat_tables(parts) if parts else empty
            put_days(connection, name, days, rows, time, columns)

    lake.transact(write)


def _predicted(model: MlModel) -> pa.Schema:
    return pa.schema(
        [
            (model.entity, pa.string()),
            (model.time, pa.date32()),
            ("prediction", pa.float64()),
            ("version", pa.int32()),
        ]
    )


def _noted(model: MlModel) -> pa.Schema:
    kinds = {
        model.time: pa.date32(), "version": pa.int32(), "role": pa.string(), "rows": pa.int64(),
        "row_ms": pa.float64(), "fault": pa.string(), "detail": pa.string(),
    }  # fmt: skip
    return pa.schema(list(kinds.items()))
