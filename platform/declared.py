"""Read from dbt's manifest what a dbt project declares.

A raw table is a dbt source table with `config.meta.ingest`; a model is an exposure of `type: ml`
with `config.meta.model`. Every mistake raises DeclarationError with file, key, value and fix, when
the code location loads.
"""

from collections.abc import Mapping
from hashlib import md5
from typing import Any

from declaration import Declaration, Meta, MlModel, choose
from declared_columns import stored_columns
from declared_tables import declared_tables
from declared_values import meta_of, parse
from errors import DeclarationError
from ml.errors import EstimatorError
from ml.own_estimator import require
from ml.tasks import METRICS, MULTICLASS


def declared(manifest: Mapping[str, Any]) -> Declaration:
    """Read the declaration from a dbt manifest; raises DeclarationError."""
    exposures = sorted(manifest["exposures"].values(), key=lambda node: node["unique_id"])
    models = tuple(
        _model(node, manifest)
        for node in exposures
        if node["type"] == "ml" and "model" in meta_of(node)
    )
    return Declaration(tables=declared_tables(manifest), models=models)


def _model(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> MlModel:
    file, prefix = node["original_file_path"], f"{node['name']}.config.meta.model"
    meta = parse(Meta, meta_of(node)["model"], file, prefix)
    tables = {
        found["name"]: found
        for found in (manifest["nodes"].get(key) for key in node["depends_on"]["nodes"])
        if found
    }
    wanted = {
        "features.table": (meta.features.table, (meta.entity, meta.time, *meta.features.exclude)),
        "label.table": (meta.label.table, (meta.entity, meta.time, meta.label.column)),
    }
    for key, (table, columns) in wanted.items():
        if table not in tables:
            fix = f"{choose(table, tables)}; the exposure's depends_on must name it with ref()"
            raise DeclarationError(file, f"{prefix}.{key}", table, fix)
        _require_columns(tables[table], columns, file, f"{prefix}.{key}")
    _require_task(meta, file, prefix)
    _require_estimators(meta, file, prefix)
    _require_one_horizon(meta, tables[meta.label.table], file, prefix)
    slices = {"gate.slices": meta.gate.slices}
    for key, columns in slices.items():
        _require_columns(tables[meta.features.table], columns, file, f"{prefix}.{key}")
    return MlModel(
        **meta.model_dump(),
        name=node["name"],
        file=file,
        owner=node["owner"].get("email") or node["owner"].get("name") or "",
        description=node.get("description") or "",
        features_schema=tables[meta.features.table]["schema"],
        label_schema=tables[meta.label.table]["schema"],
        features_checksum=lineage_checksum(manifest, tables[meta.features.table]["unique_id"]),
        label_checksum=lineage_checksum(manifest, tables[meta.label.table]["unique_id"]),
        feature_columns=stored_columns(manifest, tables[meta.features.table]),
        label_columns=stored_columns(manifest, tables[meta.label.table]),
        features_upstream=upstream(manifest, tables[meta.features.table]["unique_id"]),
        label_upstream=upstream(manifest, tables[meta.label.table]["unique_id"]),
    )


def upstream(manifest: Mapping[str, Any], unique_id: str, kind: str = "") -> tuple[str, ...]:
    """Return dbt's ids of what a table is made of, nearest first.

    kind: how an id has to begin to be followed (`model.`); by default all, sources and seeds too.
    """
    lineage = [unique_id]
    for node in lineage:  # grows while it is walked
        parents = manifest["nodes"].get(node, {}).get("depends_on", {}).get("nodes", ())
        lineage += [p for p in parents if p.startswith(kind) and p not in lineage]
    return tuple(lineage[1:])


def exposure_of(manifest: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """Return the exposure that declares a model."""
    return next(e for e in manifest["exposures"].values() if e["name"] == model)


def table_id(manifest: Mapping[str, Any], model: str, table: str) -> str:
    """Return dbt's id of a table that a model is declared over."""
    nodes, parents = manifest["nodes"], exposure_of(manifest, model)["depends_on"]["nodes"]
    return next(str(i) for i in parents if i in nodes and nodes[i]["name"] == table)


def lineage_checksum(manifest: Mapping[str, Any], unique_id: str) -> str:
    """Return one hash for all the SQL that makes a table: its model's and that of those upstream.

    The same as dbt writes to `ledger.partitions` (macro `lineage_checksum`).
    """
    lineage = (unique_id, *upstream(manifest, unique_id, "model."))
    checksums = sorted(manifest["nodes"][node]["checksum"]["checksum"] for node in lineage)
    return md5(",".join(checksums).encode(), usedforsecurity=False).hexdigest()


def _require_task(meta: Meta, file: str, prefix: str) -> None:
    """What a task needs of the label and the gate, and what it cannot take."""
    several, classes = meta.task == MULTICLASS, meta.label.classes
    if (len(classes) < 2) if several else classes:
        fix = f"task is {meta.task}: list the label's values, two or more, for {MULTICLASS} only"
        raise DeclarationError(file, f"{prefix}.label.classes", list(classes), fix)
    if meta.gate.metric != METRICS[meta.task]:
        fix = f"{meta.task} is judged by {METRICS[meta.task]}: leave the key out"
        raise DeclarationError(file, f"{prefix}.gate.metric", meta.gate.metric, fix)


def _require_estimators(meta: Meta, file: str, prefix: str) -> None:
    """Import what is named: a mistake in it shows now, not in the middle of a training."""
    named = [("estimator", meta.train.estimator)]
    named += [(f"earlier_estimators.{n}", e) for n, e in enumerate(meta.train.earlier_estimators)]
    for key, name in named:
        try:
            require(name)
        except EstimatorError as error:
            raise DeclarationError(file, f"{prefix}.train.{key}", name, error.fix) from error


def _require_one_horizon(meta: Meta, table: Mapping[str, Any], file: str, prefix: str) -> None:
    """dbt writes labels by the table's horizon, the model counts days by its own."""
    built, said = meta_of(table).get("horizon_days"), meta.label.horizon_days
    if built != said:
        where = f"config.meta.horizon_days of the dbt model {table['name']}"
        fix = f"{where} is {built!r}: labels are written by it, so give both the same number"
        raise DeclarationError(file, f"{prefix}.label.horizon_days", said, fix)


def _require_columns(
    node: Mapping[str, Any], columns: tuple[str, ...], file: str, key: str
) -> None:
    for column in columns:
        if column not in node["columns"]:
            fix = f"{node['name']} has no such column: {choose(column, node['columns'])}"
            raise DeclarationError(file, key, column, fix)
