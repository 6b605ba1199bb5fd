"""Train and register versions; a version that exists already is not trained again."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa

import ledger
from commit_points import reached
from declaration import MlModel
from lifecycle import store, training_set
from ml.determinism import build
from ml.estimators import estimator
from ml.progress import shown
from ml.schema import Floats, Schema
from ml.tabular import TrainConfig
from resources.lake import Lake
from resources.mlflow_versions import ESTIMATOR
from resources.registry import Registry, Version

DOCUMENT = "training_set.json"  # of every version's MLflow run
IDENTITY = ("kind", "as_of", "training_set", "recipe")  # tags that two versions never share
DIGEST = "digest"  # tag: the model's hash on the day that it was registered
SETTINGS = "settings"  # tag: what the estimator was called with


def train(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int
) -> dict[str, dict[str, Any]]:
    """Train the candidates of a decision day; returns rows of `ledger.versions` by recipe."""
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    train = model.train
    config = TrainConfig(seed=train.seed, threads=threads, workers=train.workers)
    found = versions(lake, model, manifest, "candidate")
    for recipe in manifest["recipes"]:
        if recipe not in found:
            split = training_set.split_from(manifest, recipe)
            parts, columns = training_set.rows_of(lake, model, manifest, split)
            found[recipe] = fit_and_register(
                lake, registry, model, {**manifest, "recipe": recipe}, "candidate",
                parts.train, parts.holdout, columns, config, parts.weights,
            )  # fmt: skip
    return {recipe: found[recipe] for recipe in manifest["recipes"]}


def fit_and_register(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    manifest: dict[str, Any],
    kind: str,
    rows: pa.Table,
    holdout: pa.Table | None,
    columns: Schema,
    config: TrainConfig,
    weights: Floats | None,
) -> dict:
    """Fit, log, register, and write the version's row; kind: `candidate` or `refit`.

    manifest: the training set's, with the `recipe` that the rows were chosen by. A version that a
    process registered before it ended, too early for its row, gets its row now. A training that
    was killed goes on from its last whole epoch.
    """
    as_of = date.fromisoformat(manifest["as_of"])
    settings = {ESTIMATOR: model.train.estimator, SETTINGS: json.dumps(asdict(config))}
    tags = {**version_tags(manifest, kind), **settings, **bits_depend_on(config)}
    names = (manifest["as_of"], manifest["id"], kind, manifest["recipe"])
    checkpoint = registry.checkpoint(model.name, *names)
    made = registry.adopted(model.name, {name: tags[name] for name in IDENTITY})
    if made is None:
        with registry.run(model.name, f"{as_of} {kind} {manifest['recipe']}", tags) as run_id:
            learn = estimator(model.train.estimator).fit
            what = f"{model.name} {kind} {manifest['recipe']}"
            with shown(registry.tracker(run_id, checkpoint), what) as tracker:
                fitted = learn(rows, holdout, columns, config, tracker, weights)
            registry.document(run_id, DOCUMENT, store.encoded(manifest))
            tags[DIGEST] = fitted.digest()
            made = Version(registry.register(model.name, run_id, fitted, tags), run_id, tags)
            reached(f"{kind}-registered")
    row = {
        "as_of": as_of,
        "kind": kind,
        "lane": manifest["lane"],
        "recipe": manifest["recipe"],
        "features": manifest["dbt"][model.features.table],
        "mlflow_run": made.run_id,
        "training_set": manifest["id"],
        "snapshot": int(made.tags["snapshot"]),
    }
    ledger.put(lake, "versions", {"model": model.name, "version": made.version}, row)
    reached(f"{kind}-kept")
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return {"model": model.name, "version": made.version, **row}


def versions(
    lake: Lake, model: MlModel, manifest: Mapping[str, Any], kind: str
) -> dict[str, dict[str, Any]]:
    """Return the versions of a kind that were trained from a training set, by recipe."""
    found = lake.rows(
        """select * from ledger.versions
        where model = ? and as_of = ? and kind = ? and training_set = ? order by version""",
        [model.name, manifest["as_of"], kind, manifest["id"]],
    )
    return {row["recipe"]: row for row in found}


def manifest_of(lake: Lake, registry: Registry, model: MlModel, version: int) -> dict[str, Any]:
    """Return the training set's manifest that a version was trained from."""
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    return _manifest(registry, lake.rows(query, [model.name, version])[0]["mlflow_run"])


@lru_cache(maxsize=8)
def _manifest(registry: Registry, run_id: str) -> dict[str, Any]:
    return json.loads(registry.read(run_id, DOCUMENT))


def bits_depend_on(config: TrainConfig) -> dict[str, str]:
    """Return what the same rows, settings and code need beside them to give the same bits."""
    return {**build(), "threads": str(config.threads), "workers": str(config.workers)}


def version_tags(manifest: dict[str, Any], kind: str) -> dict[str, str]:
    """Return what a version says of itself in MLflow."""
    return {
        "kind": kind,
        "as_of": manifest["as_of"],
        "lane": manifest["lane"],
        "recipe": manifest["recipe"],
        "reasons": "; ".join(manifest["reasons"]),
        "training_set": manifest["id"],
        "snapshot": str(manifest["snapshot"]),
        "commit": manifest["commit"],
        **{f"dbt.{name}": checksum for name, checksum in manifest["dbt"].items()},
    }
