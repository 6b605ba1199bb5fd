"""The SQL of every version of a features table, kept so that a model can ask for its own again."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter

import ledger
from declaration import MlModel, StoredColumn
from declared_columns import stored_columns
from errors import SetupError
from resources.dbt import compiled_manifest
from resources.lake import Lake
from resources.settings import Settings
from table_query import TableQuery

logger = logging.getLogger("leeway")
Columns = tuple[StoredColumn, ...]
DECLARED: TypeAdapter[Columns] = TypeAdapter(Columns)


@dataclass(frozen=True)
class FeatureVersion:
    """One version of a table: its SQL, and its columns with the rules that its rows keep."""

    query: TableQuery
    declared: Columns

    @property
    def beside(self) -> str:
        """Name of the table that holds its rows of days that another version has made."""
        return beside(self.query.table, self.query.checksum)


def beside(table: str, checksum: str) -> str:
    """Return the name of a version's side table."""
    return f"{table}__{checksum[:8]}"


def kept(lake: Lake, table: str, checksum: str) -> FeatureVersion | None:
    """Return a version of a table, or None where its SQL was never kept."""
    found = lake.rows(
        "select query, declared from ledger.feature_versions where table_name = ? and checksum = ?",
        [table, checksum],
    )
    if not found:
        return None
    query = TableQuery.model_validate_json(found[0]["query"])
    return FeatureVersion(query, DECLARED.validate_json(found[0]["declared"]))


def keep(lake: Lake, settings: Settings, models: Iterable[MlModel]) -> None:
    """Keep the SQL of the models' features that the ledger does not know; it costs one compile.

    Before the first delivery there are no days to compile for. SQL that cannot be asked for other
    days is told and not kept: models that learn from it score what the next version makes.
    Raises SetupError where the project does not compile.
    """
    wanted = {model.features.table: model.features_checksum for model in models}
    new = {table for table, checksum in wanted.items() if not kept(lake, table, checksum)}
    if not new or not lake.rows("select 1 from ledger.deliveries limit 1"):
        return
    compiled = compiled_manifest(settings)
    for unique_id, node in compiled["nodes"].items():
        if node["resource_type"] != "model" or node["name"] not in new:
            continue
        try:
            query = TableQuery.of(compiled, unique_id)
        except SetupError as error:
            logger.warning("%s cannot be kept beside a later version: %s", node["name"], error)
            continue
        declared = [column.model_dump() for column in stored_columns(compiled, node)]
        row = {"query": query.model_dump_json(), "declared": json.dumps(declared)}
        key = {"table_name": query.table, "checksum": query.checksum}
        ledger.put(lake, "feature_versions", key, row)
