"""The model card of every version that a verdict is about, kept with the version's MLflow run."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from lifecycle import candidate, evaluation, store, training_set
from lifecycle.card_texts import data_of, identity_of, limits_of, parts_of
from ml import gate
from ml.card import Card, render
from ml.evaluation import Evaluation
from ml.importance import importance
from ml.known import SAMPLE, evenly
from ml.ranges import ranges
from ml.schema import Schema
from ml.verdict import Check
from resources.lake import Lake
from resources.registry import Registry

DOCUMENT = "card.html"  # of every judged version's MLflow run


def publish(lake: Lake, registry: Registry, model: MlModel, as_of: date) -> dict[int, str]:
    """Keep a card with the candidate that was judged on a day and with what went live by it.

    Returns where people open them, by version. Raises NoEvidenceError where nothing was judged, or
    where what was judged has been evaluated again since.
    """
    verdict = ledger.verdict_on(lake, model.name, as_of)
    if verdict is None:
        raise NoEvidenceError(
            f"{model.name}: no verdict of {as_of}: materialize {model.name}/champion for it first"
        )
    document = store.kept(lake, model, evaluation.WHAT, as_of)
    if verdict["candidate"] not in document["candidates"].values():
        raise NoEvidenceError(
            f"{model.name}: the verdict of {as_of} is about version {verdict['candidate']}, the "
            f"evaluation about {list(document['candidates'].values())}: materialize "
            f"{model.name}/champion for it again"
        )
    return {
        version: _publish(lake, registry, model, verdict, document, version)
        for version in dict.fromkeys((verdict["candidate"], verdict["version"]))
    }


def _publish(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    verdict: Mapping[str, Any],
    document: Mapping[str, Any],
    version: int,
) -> str:
    query = "select * from ledger.versions where model = ? and version = ?"
    row = lake.rows(query, [model.name, version])[0]
    page = render(card_of(lake, registry, model, verdict, document, row))
    return registry.document(row["mlflow_run"], DOCUMENT, page)


def card_of(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    verdict: Mapping[str, Any],
    document: Mapping[str, Any],
    row: Mapping[str, Any],
) -> Card:
    """Put together what is known of a version, one row of `ledger.versions`."""
    manifest = candidate.manifest_of(lake, registry, model, row["version"])
    learned, held, test, columns = _rows(lake, model, manifest, row)
    everything = pa.concat_tables([learned, held])
    sample = evenly(test if test.num_rows else everything, SAMPLE)
    version = (model.name, row["version"], model.train.declared)
    predict = registry.load(*version).predict
    days = sorted(set(everything[model.time].cast(pa.date32()).to_pylist()))
    return Card(
        model=model.name,
        task=model.target,
        version=row["version"],
        description=model.description,
        owner=model.owner,
        promoted=verdict["promoted"],
        reasons=tuple(verdict["reasons"]),
        identity=identity_of(model, verdict, row, registry.estimator_of(*version)),
        data=data_of(model, manifest, days),
        left_out=left_out(lake, model, manifest),
        parts=parts_of(manifest, row, learned.num_rows, held.num_rows, test.num_rows),
        judged=gate.candidate_name(_recipe(document, verdict["candidate"])),
        evaluation=_evaluation(document),
        checks=tuple(Check(**check) for check in verdict["checks"]),
        importance=importance(predict, sample, columns.features, model.train.seed),
        lineage={
            f"{model.features_schema}.{model.features.table}": model.features_upstream,
            f"{model.label_schema}.{model.label.table}": model.label_upstream,
        },
        limits=limits_of(model, verdict, row, days[-1]),
        ranges=ranges(everything, columns.features),
    )


def left_out(lake: Lake, model: MlModel, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the days that were not used, ascending, and why."""
    query = "select day, reason from ledger.incidents where model = ? order by written_at"
    broken = {str(row["day"]): row["reason"] for row in lake.rows(query, [model.name])}
    held = "a held delivery had left it, or its label, without rows"
    why = {day: broken.get(day, held) for day in manifest["blocked_days"]}
    return dict(sorted((why | manifest["unfit_days"]).items()))


def _rows(
    lake: Lake, model: MlModel, manifest: Mapping[str, Any], row: Mapping[str, Any]
) -> tuple[pa.Table, pa.Table, pa.Table, Schema]:
    """Return the rows that a version learned from, those that stopped it, and the test rows."""
    gated_split = training_set.split_for(manifest, row["recipe"], "candidate")
    gated, columns = training_set.rows_of(lake, model, manifest, gated_split)
    if row["kind"] == "candidate":
        return gated.train, gated.holdout, gated.test, columns
    split = training_set.split_for(manifest, row["recipe"], row["kind"])
    everything, columns = training_set.rows_of(lake, model, manifest, split)
    return everything.train, everything.holdout, gated.test, columns


def _recipe(document: Mapping[str, Any], version: int) -> str:
    return next(recipe for recipe, made in document["candidates"].items() if made == version)


def _evaluation(document: Mapping[str, Any]) -> Evaluation | None:
    """Return the comparison that was kept; None where there was no test row."""
    return TypeAdapter(Evaluation).validate_python(document) if document["rows"] else None
