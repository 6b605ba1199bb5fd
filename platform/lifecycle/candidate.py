"""Train and register versions; a version that exists already is not trained again."""

import json
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa

import ledger
from commit_points import reached
from declaration import MlModel
from lifecycle import store, training_set
from ml.estimators import estimator
from ml.schema import Floats, Schema
from ml.tabular import TrainConfig
from resources.lake import Lake
from resources.registry import Registry, Version

DOCUMENT = "training_set.json"  # of every version's MLflow run
IDENTITY = ("kind", "as_of", "training_set")  # tags that two versions never share


def train(lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int) -> dict:
    """Train the candidate of a decision day; returns its row of `ledger.versions`."""
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    found = version_row(lake, model, as_of, "candidate")
    if found and found["training_set"] == manifest["id"]:
        return found
    split = training_set.split_from(model, manifest)
    parts, columns = training_set.rows_of(lake, model, manifest, split)
    config = TrainConfig(seed=model.train.seed, threads=threads)
    return fit_and_register(
        lake, registry, model, manifest, "candidate", parts.train, parts.holdout, columns, config,
        parts.weights,
    )  # fmt: skip


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

    A version that a process registered before it ended, too early for its row, gets its row now.
    """
    as_of = date.fromisoformat(manifest["as_of"])
    tags = version_tags(manifest, kind)
    made = registry.adopted(model.name, {name: tags[name] for name in IDENTITY})
    if made is None:
        with registry.run(model.name, f"{as_of} {kind}", tags) as run_id:
            learn = estimator(model.train.estimator).fit
            fitted = learn(rows, holdout, columns, config, registry.tracker(run_id), weights)
            registry.document(run_id, DOCUMENT, store.encoded(manifest))
            made = Version(registry.register(model.name, run_id, fitted, tags), run_id, tags)
            reached(f"{kind}-registered")
    row = {
        "as_of": as_of,
        "kind": kind,
        "lane": manifest["lane"],
        "mlflow_run": made.run_id,
        "training_set": manifest["id"],
        "snapshot": int(made.tags["snapshot"]),
    }
    ledger.put(lake, "versions", {"model": model.name, "version": made.version}, row)
    reached(f"{kind}-kept")
    return {"model": model.name, "version": made.version, **row}


def version_row(lake: Lake, model: MlModel, as_of: date, kind: str) -> dict | None:
    """Return the newest version of a kind that was trained for a decision day, or None."""
    found = lake.rows(
        """select * from ledger.versions where model = ? and as_of = ? and kind = ?
        order by version desc limit 1""",
        [model.name, as_of, kind],
    )
    return found[0] if found else None


def manifest_of(lake: Lake, registry: Registry, model: MlModel, version: int) -> dict[str, Any]:
    """Return the training set's manifest that a version was trained from."""
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    return _manifest(registry, lake.rows(query, [model.name, version])[0]["mlflow_run"])


@lru_cache(maxsize=8)
def _manifest(registry: Registry, run_id: str) -> dict[str, Any]:
    return json.loads(registry.read(run_id, DOCUMENT))


def version_tags(manifest: dict[str, Any], kind: str) -> dict[str, str]:
    """Return what a version says of itself in MLflow."""
    return {
        "kind": kind,
        "as_of": manifest["as_of"],
        "lane": manifest["lane"],
        "reasons": "; ".join(manifest["reasons"]),
        "training_set": manifest["id"],
        "snapshot": str(manifest["snapshot"]),
        "commit": manifest["commit"],
        **{f"dbt.{name}": checksum for name, checksum in manifest["dbt"].items()},
    }
