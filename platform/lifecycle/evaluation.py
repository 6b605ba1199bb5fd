"""Score candidates on matured rows that neither they nor the champion have seen; keep it all."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from commit_points import reached
from declaration import MlModel
from errors import NoEvidenceError
from examples import replace_days
from lifecycle import candidate, store, training_set
from lifecycle.loaded import fitted_of
from lifecycle.predictions import columns_of, described
from lifecycle.reload import reloaded_predictions
from lifecycle.rival import comparable
from ml import evaluation, figures, gate
from ml.baselines import fit_baselines
from ml.known import evenly
from ml.tabular import TrainConfig
from ml.task import Floats
from resources.lake import Lake, quoted
from resources.registry import Registry

WHAT = "evaluations"
RELOADED = 20_000  # test rows, from all over, that a clean process predicts too


@dataclass(frozen=True)
class Evaluated:
    """A decision day's comparison: one row of scores per model, and figures as PNG."""

    scores: list[dict[str, Any]]
    figures: Mapping[str, bytes]


def evaluate(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int
) -> Evaluated:
    """Score candidates, champion and baselines on the test rows; keep predictions and metrics.

    The champion predicts these rows as the features have them that it has learned from.
    """
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    trained = _versions(lake, model, manifest)
    split = training_set.split_from(manifest, next(iter(manifest["recipes"])))
    parts, columns = training_set.rows_of(lake, model, manifest, split)
    test, own = comparable(lake, model, manifest, parts.test, columns)
    if not test.num_rows:
        store.keep(lake, model, WHAT, as_of, {"candidates": trained, "rows": 0})
        return Evaluated([], {})
    predictions = _predictions(registry, model, manifest, trained, test, own)
    task, labels = columns.target, columns.labels(test)
    best = gate.best(task, labels, {r: predictions[gate.candidate_name(r)] for r in trained})
    some = evenly(test, RELOADED)
    given = fitted_of(registry, model, trained[best]).predict(some)
    with ThreadPoolExecutor(1) as beside:  # a clean process is seconds old when it predicts
        reload = (registry, model.name, trained[best], some, model.train.declared)
        again = beside.submit(reloaded_predictions, *reload)
        config = TrainConfig(seed=model.train.seed, threads=threads)
        for name, baseline in fit_baselines(parts, columns, config).items():
            predictions[name] = baseline.predict(test)
    found = evaluation.evaluate(test, columns, predictions, model.gate.slices)
    document = {
        "candidates": trained,
        "champion": manifest["champion"],
        "rows": test.num_rows,
        "rows_of_one_side": parts.test.num_rows - test.num_rows,
        "best": best,
        "reload_differences": {best: task.difference(given, again.result())},
        **found.to_dict(),
    }
    store.keep(lake, model, WHAT, as_of, document)
    reached("evaluation-kept")
    _keep_predictions(lake, model, as_of, test, predictions)
    scores = [{"model": name, **metrics} for name, metrics in found.metrics.items()]
    drawn = {
        "calibration": figures.calibration_plot(found),
        "comparison": figures.comparison_plot(task, found, labels, predictions),
    }
    return Evaluated(scores, drawn)


def _versions(lake: Lake, model: MlModel, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the candidates' versions by recipe; raises NoEvidenceError where one is missing."""
    found = candidate.versions(lake, model, manifest, "candidate")
    missing = [recipe for recipe in manifest["recipes"] if recipe not in found]
    if missing:
        raise NoEvidenceError(
            f"{model.name}: no candidate of {manifest['as_of']} for {', '.join(missing)}: "
            "materialize it first"
        )
    return {recipe: found[recipe]["version"] for recipe in manifest["recipes"]}


def _predictions(
    registry: Registry,
    model: MlModel,
    manifest: Mapping[str, Any],
    trained: Mapping[str, int],
    test: pa.Table,
    own: pa.Table,
) -> dict[str, Floats]:
    """Return what candidates say about the test rows, and the champion about its `own`."""
    named = {gate.candidate_name(recipe): version for recipe, version in trained.items()}
    said = {name: fitted_of(registry, model, v).predict(test) for name, v in named.items()}
    if manifest["champion"] is not None:
        said[gate.CHAMPION] = fitted_of(registry, model, manifest["champion"]).predict(own)
    return said


def _keep_predictions(
    lake: Lake, model: MlModel, as_of: date, test: pa.Table, predictions: Mapping[str, Floats]
) -> None:
    """Keep what the gate will compare, one row per test row and model."""
    tables = [
        pa.table(
            {
                "as_of": pa.array([as_of] * test.num_rows, pa.date32()),
                "model": [name] * test.num_rows,
                "entity": test[model.entity],
                "time": test[model.time],
                **columns_of(model, values),
            }
        )
        for name, values in predictions.items()
    ]
    columns = "as_of date, model varchar, entity varchar, time date, " + described(model)
    replace_days(lake, kept_table(model), [as_of], pa.concat_tables(tables), "as_of", columns)


def kept_table(model: MlModel) -> str:
    """Return the name of the table of test predictions."""
    return f"{model.name}_test_predictions"


def kept_predictions(lake: Lake, model: MlModel, as_of: date) -> dict[str, pa.Table]:
    """Return the kept test predictions of a decision day by model, in the order of time, entity."""
    if not store.exists(lake, kept_table(model)):
        return {}
    given = ", ".join(map(quoted, model.target.columns))
    rows = lake.read(
        f"""select model, entity as {quoted(model.entity)}, time as {quoted(model.time)}, {given}
        from {quoted("ml", kept_table(model))} where as_of = ? order by model, time, entity""",
        [as_of],
    )
    names = sorted(set(rows["model"].to_pylist()))
    return {name: rows.filter(pa.compute.equal(rows["model"], name)) for name in names}
