"""Where one model keeps its tables in the lake: `ml.<model>_<what>`, one row or set per day."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

import examples
from declaration import MlModel
from errors import NoEvidenceError
from resources.lake import Lake, quoted

DOCUMENT = "as_of date, document varchar"
TRAINING_SETS = "training_sets"
DRIFT = "drift"


def predictions(model: MlModel) -> str:
    """Return the name of the predictions table."""
    return f"{model.name}_predictions"


def performance(model: MlModel) -> str:
    """Return the name of the table of matured losses."""
    return f"{model.name}_performance"


def shadow(model: MlModel) -> str:
    """Return the name of the table of what a champion's predecessor predicts beside it."""
    return f"{model.name}_shadow"


def scoring(model: MlModel) -> str:
    """Return the name of the table of who scored which day, how fast, and what was wrong."""
    return f"{model.name}_scoring"


def keep(lake: Lake, model: MlModel, what: str, as_of: date, document: Mapping[str, Any]) -> None:
    """Keep a JSON document of a day, replacing an earlier one."""
    rows = pa.table({"as_of": [as_of], "document": [encoded(document)]})
    examples.replace_days(lake, f"{model.name}_{what}", [as_of], rows, "as_of", DOCUMENT)


def kept(lake: Lake, model: MlModel, what: str, as_of: date) -> dict[str, Any]:
    """Return the JSON document of a day; raises NoEvidenceError where there is none."""
    name = f"{model.name}_{what}"
    rows = (
        lake.rows(f"select document from {quoted('ml', name)} where as_of = ?", [as_of])
        if exists(lake, name)
        else []
    )
    if not rows:
        raise NoEvidenceError(
            f"{model.name}: no {what} of {as_of}: materialize {model.name}/{what} for it first"
        )
    return json.loads(rows[0]["document"])


def encoded(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return a document as JSON; dates become ISO text."""
    return json.dumps(document, default=str)


def exists(lake: Lake, table: str) -> bool:
    """Return whether `ml.<table>` has been written to."""
    return examples.exists(lake, "ml", table)
