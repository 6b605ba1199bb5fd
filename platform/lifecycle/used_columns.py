"""How much the live version of a model uses each column of its features table."""

import json
from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from lifecycle import store
from lifecycle.calibration import known_of
from resources.lake import Lake, quoted
from resources.registry import Registry


class UsedColumns(BaseModel):
    """The importance of columns for a live version, as it was measured when the version was made.

    version: None before the first champion. importance: by column, the largest 1; None where it is
    not known, which `note` explains.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    version: int | None
    importance: Mapping[str, float] | None
    note: str = ""

    def rank(self, column: str) -> int | None:
        """Return a column's place among all, 1 for the most important, or None."""
        if not self.importance or column not in self.importance:
            return None
        return 1 + sum(value > self.importance[column] for value in self.importance.values())


def used_columns(lake: Lake, registry: Registry, model: MlModel) -> UsedColumns:
    """Return what the version that is live by the newest decision uses.

    A registry that does not answer leaves the importance unknown, with its words as the note.
    """
    version = ledger.champion_on(lake, model.name, date.max)
    if version is None:
        note = "no version is live yet"
        return UsedColumns(model=model.name, version=None, importance=None, note=note)
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    found = lake.rows(query, [model.name, version])
    try:
        if not found:
            raise NoEvidenceError(f"the ledger has no version {version} of {model.name}")
        importance = known_of(registry, found[0]["mlflow_run"]).features.importance
    except Exception as error:  # MLflow, its files, the network: the lineage is told without them
        note = f"what it uses cannot be read ({type(error).__name__}: {str(error)[:200]})"
        return UsedColumns(model=model.name, version=version, importance=None, note=note)
    return UsedColumns(model=model.name, version=version, importance=importance)


def last_watched(lake: Lake, model: MlModel) -> dict[str, float]:
    """Return the importance of columns for the version that was watched last, from the lake alone.

    Empty before the first watch.
    """
    name = f"{model.name}_{store.DRIFT}"
    if not store.exists(lake, name):
        return {}
    query = f"select document from {quoted('ml', name)} order by as_of desc limit 1"
    return {
        column: value
        for row in lake.rows(query)
        for column, value in json.loads(row["document"]).get("importance", {}).items()
    }
