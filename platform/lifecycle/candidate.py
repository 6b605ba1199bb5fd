"""Train and register versions; a version that exists already is not trained again."""

from datetime import date
from typing import Any

import pyarrow as pa

import ledger
from declaration import MlModel
from lifecycle import store, training_set
from ml.estimators import estimator
from ml.schema import Floats, Schema
from ml.tabular import TrainConfig
from resources.lake import Lake
from resources.registry import Registry


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
    """Fit, log, register, and write the version's row; kind: `candidate` or `refit`."""
    as_of = date.fromisoformat(manifest["as_of"])
    tags = version_tags(manifest, kind)
    with registry.run(model.name, f"{as_of} {kind}", tags) as run_id:
        learn = estimator(model.train.estimator).fit
        fitted = learn(rows, holdout, columns, config, registry.tracker(run_id), weights)
        registry.document(run_id, "training_set.json", store.encoded(manifest))
        version = registry.register(model.name, run_id, fitted, tags)
    row = {
        "as_of": as_of,
        "kind": kind,
        "lane": manifest["lane"],
        "mlflow_run": run_id,
        "training_set": manifest["id"],
    }
    ledger.put(lake, "versions", {"model": model.name, "version": version}, row)
    return {"model": model.name, "version": version, **row}


def version_row(lake: Lake, model: MlModel, as_of: date, kind: str) -> dict | None:
    """Return the newest version of a kind that was trained for a decision day, or None."""
    found = lake.rows(
        """select * from ledger.versions where model = ? and as_of = ? and kind = ?
        order by version desc limit 1""",
        [model.name, as_of, kind],
    )
    return found[0] if found else None


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
