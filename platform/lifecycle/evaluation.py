"""Judge a candidate on matured rows that neither it nor the champion has seen; keep every score."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from commit_points import reached
from declaration import MlModel
from errors import NoEvidenceError
from examples import replace_days
from lifecycle import candidate, store, training_set
from lifecycle.reload import reloaded_predictions
from ml import evaluation, figures
from ml.baselines import fit_baselines
from ml.schema import Floats, Schema
from ml.splits import Parts
from ml.tabular import TrainConfig
from resources.lake import Lake, quoted
from resources.registry import Registry

WHAT = "evaluations"
CANDIDATE, CHAMPION = "candidate", "champion"


@dataclass(frozen=True)
class Evaluated:
    """A decision day's comparison: one row of scores per model, and figures as PNG."""

    scores: list[dict[str, Any]]
    figures: Mapping[str, bytes]


def evaluate(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int
) -> Evaluated:
    """Score candidate, champion and baselines on the test rows; keep predictions and metrics."""
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    split = training_set.split_from(model, manifest)
    parts, columns = training_set.rows_of(lake, model, manifest, split)
    row = candidate.version_row(lake, model, as_of, "candidate")
    if row is None:
        raise NoEvidenceError(f"{model.name}: no candidate of {as_of}: materialize it first")
    if not parts.test.num_rows:
        store.keep(lake, model, WHAT, as_of, {"candidate": row["version"], "rows": 0})
        return Evaluated([], {})
    predictions, difference = _predictions(registry, model, manifest, row, parts, columns, threads)
    found = evaluation.evaluate(parts.test, columns, predictions, model.gate.slices)
    document = {
        "candidate": row["version"],
        "champion": manifest["champion"],
        "rows": parts.test.num_rows,
        "reload_difference": difference,
        **found.to_dict(),
    }
    store.keep(lake, model, WHAT, as_of, document)
    reached("evaluation-kept")
    _keep_predictions(lake, model, as_of, parts.test, predictions)
    scores = [{"model": name, **vars(metrics)} for name, metrics in found.metrics.items()]
    labels = columns.labels(parts.test)
    drawn = {
        "calibration": figures.calibration_plot(found),
        "comparison": figures.comparison_plot(found, labels, predictions),
    }
    return Evaluated(scores, drawn)


def _predictions(
    registry: Registry,
    model: MlModel,
    manifest: dict[str, Any],
    row: dict[str, Any],
    parts: Parts,
    columns: Schema,
    threads: int,
) -> tuple[dict[str, Floats], float]:
    fitted = registry.load(model.name, row["version"])
    predictions = {CANDIDATE: fitted.predict(parts.test)}
    again = reloaded_predictions(registry, model.name, row["version"], parts.test)
    difference = float(np.abs(again - predictions[CANDIDATE]).max())
    if manifest["champion"] is not None:
        live = registry.load(model.name, manifest["champion"])
        predictions[CHAMPION] = live.predict(parts.test)
    config = TrainConfig(seed=model.train.seed, threads=threads)
    for name, baseline in fit_baselines(parts, columns, config).items():
        predictions[name] = baseline.predict(parts.test)
    return predictions, difference


def _keep_predictions(
    lake: Lake, model: MlModel, as_of: date, test: pa.Table, predictions: Mapping[str, Floats]
) -> None:
    """Keep what the gate will compare, one row per test row and model."""
    grain = {"entity": test[model.entity], "time": test[model.time]}
    tables = [
        pa.table(
            {
                "as_of": pa.array([as_of] * test.num_rows, pa.date32()),
                "model": [name] * test.num_rows,
                **grain,
                "prediction": values,
            }
        )
        for name, values in predictions.items()
    ]
    columns = "as_of date, model varchar, entity varchar, time date, prediction double"
    replace_days(lake, kept_table(model), [as_of], pa.concat_tables(tables), "as_of", columns)


def kept_table(model: MlModel) -> str:
    """Return the name of the table of test predictions."""
    return f"{model.name}_test_predictions"


def kept_predictions(lake: Lake, model: MlModel, as_of: date) -> dict[str, pa.Table]:
    """Return the kept test predictions of a decision day by model, in the order of time, entity."""
    if not store.exists(lake, kept_table(model)):
        return {}
    rows = lake.read(
        f"""select model, entity as {quoted(model.entity)}, time as {quoted(model.time)}, prediction
        from {quoted("ml", kept_table(model))} where as_of = ? order by model, time, entity""",
        [as_of],
    )
    names = sorted(set(rows["model"].to_pylist()))
    return {name: rows.filter(pa.compute.equal(rows["model"], name)) for name in names}
