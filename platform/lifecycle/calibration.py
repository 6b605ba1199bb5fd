"""What a version's alarms know of the days it was made from, kept with the version in MLflow."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import TypeAdapter

from assets.partitions import days_between
from declaration import MlModel
from examples import features
from lifecycle.quality import blocked_days
from lifecycle.sketches import CHUNK, of_days, of_labels, split_by_day
from lifecycle.tested import checksums_of, newest_made, unfit_days, without
from ml.alarm import DayLoss
from ml.calibration import Table
from ml.importance import importance
from ml.known import REFERENCE_DAYS, SAMPLE, Known, evenly, learn
from ml.sketch import DAILY, sketch_table
from resources.lake import Lake
from resources.registry import Registry

if TYPE_CHECKING:
    from ml.estimators import Model  # it loads PyTorch, and what only watches needs none

FEATURES, PREDICTIONS = "features", "predictions"


def calibrate(
    lake: Lake, registry: Registry, model: MlModel, fitted: "Model", last: date,
    snapshot: int, run_id: str, test: pa.Table, judged: Sequence[DayLoss],
) -> None:  # fmt: skip
    """Learn how far days are apart anyway, from the reference that ends on `last`.

    test: the rows that the gate judged by, later than those that the judged model has learned from:
    they show which columns matter. judged: the losses on their days.
    """
    task = model.target
    days: dict[str, dict[date, Table]] = {FEATURES: {}, PREDICTIONS: {}}
    wanted = reference_days(lake, model, last, snapshot)
    for rows in chunks(lake, model, wanted, snapshot):
        watched = watched_features(model, rows)
        scores = task.table(fitted.predict(rows))
        for what, table in ((FEATURES, watched), (PREDICTIONS, scores)):
            timed = table.append_column(model.time, rows[model.time])
            for day, part in split_by_day(timed, model.time):
                days[what][day] = sketch_table(part.drop_columns([model.time]), DAILY)
    opened = min(days[FEATURES])  # days before the first row say nothing of what is usual
    closed = [day for day in wanted if day > opened and day not in days[FEATURES]]
    days[FEATURES] |= {day: {} for day in closed}
    names = watched.column_names
    used = importance(fitted.predict, evenly(test, SAMPLE), names, seed(model))
    known = learn(
        task, days[FEATURES], days[PREDICTIONS], label_days(lake, model, wanted), judged, used,
        seed(model),
    )  # fmt: skip
    text = TypeAdapter(Known).dump_json(known).decode()
    registry.document(run_id, "calibration.json", text)


@lru_cache(maxsize=4)
def known_of(registry: Registry, run_id: str) -> Known:
    """Return what was calibrated with the version that a run has made."""
    return TypeAdapter(Known).validate_json(registry.read(run_id, "calibration.json"))


def reference_days(lake: Lake, model: MlModel, last: date, snapshot: int) -> list[date]:
    """Return the days of the reference: those up to `last` that training may use too.

    Of days that different dbt models have made only those of the newest count.
    """
    days = reference_span(last)
    unfit = unfit_days(lake, model, days, snapshot)
    used = without(days, {*blocked_days(lake, model, snapshot), *unfit})
    made = checksums_of(lake, model.features.table, used, snapshot)
    return newest_made(made)


def reference_span(last: date) -> list[date]:
    """Return the days that a reference up to `last` may have."""
    return days_between(last - timedelta(days=REFERENCE_DAYS - 1), last)


def chunks(lake: Lake, model: MlModel, days: Sequence[date], snapshot: int) -> Iterator[pa.Table]:
    """Return the features of the reference, as they were at a snapshot, some weeks at a time."""
    for first in range(0, len(days), CHUNK):
        rows = features(lake, model, days[first : first + CHUNK], snapshot)
        if rows.num_rows:
            yield rows


def watched_features(model: MlModel, rows: pa.Table) -> pa.Table:
    """Return feature columns, without entity, time and excluded columns."""
    hidden = {model.entity, model.time, *model.features.exclude}
    return rows.select([name for name in rows.column_names if name not in hidden])


def label_days(lake: Lake, model: MlModel, days: Sequence[date]) -> dict[date, Table]:
    """Return the sketches of the label on those of the `days` whose labels have passed."""
    passed = list(checksums_of(lake, model.label.table, days))
    return only(of_days(lake, of_labels(model), passed), [model.label.column])


def seed(model: MlModel) -> int:
    """Return the seed of everything that is drawn for a calibration."""
    return model.train.seed


def only(tables: Mapping[date, Table], names: Sequence[str]) -> dict[date, Table]:
    """Return days with those of their columns that are named."""
    return {day: {n: s for n, s in t.items() if n in names} for day, t in tables.items()}
