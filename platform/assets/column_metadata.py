"""Columns in the Dagster UI: types, what they are computed from, how much a live model uses them.

They are told with a materialization, and of many days with the last one only: the UI shows the
newest, and the lineage of fifty columns on every day of a year would fill Dagster's storage.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
    TableSchemaMetadataValue,
)
from dagster._core.definitions.metadata import TableMetadataSet

from assets.keys import features_key
from column_lineage import Stored, reason
from column_sources import Read, read_columns
from declaration import MlModel
from declared_values import table_of
from lifecycle.predictions import predicted
from lifecycle.used_columns import last_watched
from resources.lake import Lake, columns_of

logger = logging.getLogger("leeway")
Node = Mapping[str, Any]
Parent = tuple[str, str, tuple[str, ...]]
DATE = re.compile(r"'\d{4}-\d\d-\d\d'")  # the days of a run, from which no column comes


def column_metadata(
    manifest: Mapping[str, Any],
    unique_id: str,
    compiled: Path,
    lake: Lake,
    models: Sequence[MlModel],
) -> dict[str, Any]:
    """Return Dagster's metadata of a model that has just been built.

    compiled: folder of the compiled SQL, as dbt writes it. models: whose features may be among the
    columns. SQL that cannot be followed has no lineage, which is logged.
    """
    node, stored = manifest["nodes"][unique_id], columns_of(lake)
    schema = TableSchemaMetadataValue(_schema(node, stored, _importance(lake, node, models)))
    found: dict[str, Any] = {"dagster/column_schema": schema}
    read = _read(manifest, node, compiled, stored)
    if read is not None:
        nodes = {**manifest["sources"], **manifest["nodes"]}
        found |= TableMetadataSet(column_lineage=_lineage(read, nodes))
    return found


def prediction_metadata(model: MlModel) -> dict[str, Any]:
    """Return Dagster's metadata of predictions: every feature that is not left out is behind it."""
    keys = {model.entity, model.time}
    table = features_key(model)
    used = [
        TableColumnDep(table, column.name)
        for column in model.feature_columns
        if column.name not in {*keys, *model.features.exclude}
    ]
    same = {name: [TableColumnDep(table, name)] for name in keys}
    own = {name: used for name in predicted(model).names if name not in {*keys, "version"}}
    return dict(TableMetadataSet(column_lineage=TableColumnLineage({**same, **own})))


def _read(manifest: Mapping[str, Any], node: Node, compiled: Path, stored: Stored) -> Read | None:
    path = compiled / node["package_name"] / node["original_file_path"]
    parents = frozenset(
        (each["unique_id"], each["relation_name"], tuple(stored.get(table_of(each), ())))
        for each in _stored_parents(manifest, node)
    )
    try:
        return _followed(DATE.sub("'1000-01-01'", path.read_text()), node.get("language"), parents)
    except Exception as error:  # sqlglot raises all kinds of them where SQL is beyond it
        logger.warning("%s: no column lineage: %s", node["original_file_path"], reason(error))
        return None


@lru_cache(maxsize=128)
def _followed(sql: str, language: str, parents: frozenset[Parent]) -> Read:
    """Follow SQL with any days; a history builds it again month by month.

    parents: id, relation and columns of what it reads.
    """
    nodes = {unique_id: {"relation_name": relation} for unique_id, relation, _ in parents}
    columns = {unique_id: names for unique_id, _, names in parents}
    return read_columns({"compiled_code": sql, "language": language}, nodes, columns)


def _stored_parents(manifest: Mapping[str, Any], node: Node) -> Iterator[Node]:
    """Yield the tables and views that a model reads, those under ephemeral models too."""
    nodes = {**manifest["sources"], **manifest["nodes"]}
    for parent in node["depends_on"]["nodes"]:
        if nodes[parent]["relation_name"]:
            yield nodes[parent]
        else:
            yield from _stored_parents(manifest, nodes[parent])


def _lineage(read: Read, nodes: Mapping[str, Node]) -> TableColumnLineage:
    return TableColumnLineage(
        {
            column: [
                TableColumnDep(AssetKey([nodes[node]["schema"], nodes[node]["name"]]), name)
                for node, name in sorted(sources)
            ]
            for column, sources in read.columns.items()
        }
    )


def _importance(lake: Lake, node: Node, models: Sequence[MlModel]) -> dict[str, dict[str, str]]:
    """Return the tags of columns: by model the importance for the version watched last."""
    tags: dict[str, dict[str, str]] = {}
    for model in models:
        if (node["schema"], node["name"]) == (model.features_schema, model.features.table):
            for column, value in last_watched(lake, model).items():
                tags.setdefault(column, {})[f"importance/{model.name}"] = f"{value:.3f}"
    return tags


def _schema(
    node: Node,
    stored: Mapping[tuple[str, str], Mapping[str, str]],
    tags: Mapping[str, Mapping[str, str]],
) -> TableSchema:
    told = {column["name"].lower(): column["description"] for column in node["columns"].values()}
    return TableSchema(
        [
            TableColumn(name, kind, told.get(name.lower()) or None, tags=tags.get(name))
            for name, kind in stored.get(table_of(node), {}).items()
        ]
    )
