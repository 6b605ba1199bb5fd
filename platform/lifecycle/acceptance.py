"""What a person accepts for good: a lasting change is no incident until a newer champion knows it.

Accepted is what the watch of the newest champion has found on some days, by name and column: on
them alone, or in a window with others. A newer version is calibrated anew and finds anew.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import duckdb

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from lifecycle import store
from lifecycle.broken import mark, require_why
from lifecycle.tested import window
from ml.accepted import Accepted, named
from ml.feature_alarm import WATCHED_DAYS
from resources.lake import Lake, quoted

WATCHES = "drift"  # documents of `lifecycle.monitoring`
# These are no words about values: a delivery is released, days are built again.
REPAIRED_OTHERWISE = ("held delivery", "failed features", "mixed features")
Pair = tuple[str, str | None]  # name of a finding, and its column


def in_force(lake: Lake, model: MlModel, version: int) -> list[Accepted]:
    """Return what is accepted while a version is watched: what was said of it, or of a newer one.

    After a rollback the older version knows as little of the change as the newer one.
    """
    rows = lake.rows(
        """select name, column_name as column, since, why from ledger.acceptances
        where model = ? and version >= ? order by since, name, column_name, written_at""",
        [model.name, version],
    )
    return [Accepted(**row) for row in rows]


def accept_onwards(
    lake: Lake, model: MlModel, days: Sequence[date], why: str
) -> tuple[list[Accepted], int]:
    """Accept what was found on `days` from the first of them on; also returns for which version.

    Raises NoEvidenceError for a day on which nothing was found, and without a reason.
    """
    require_why(why)
    version, found = found_by_day(lake, model, min(days))
    unknown = [str(day) for day in days if day not in found]
    if unknown:
        listed = "; ".join(f"{day}: {_words(pairs)}" for day, pairs in sorted(found.items()))
        raise NoEvidenceError(
            f"{model.name}: nothing that can be accepted was found on {', '.join(unknown)}; found: "
            f"{listed or 'nothing'}. Name such a day, or build what is wrong again"
        )
    pairs = sorted({pair for day in days for pair in found[day]}, key=str)
    accepted = [Accepted(name, column, min(days), why) for name, column in pairs]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        mark(connection, model, days, why)
        for each in accepted:
            row = {"name": each.name, "column_name": each.column, "since": each.since, "why": why}
            ledger.insert(
                connection, "acceptances", {"model": model.name, "version": version, **row}
            )

    lake.transact(write)
    return accepted, version


def found_by_day(lake: Lake, model: MlModel, first: date) -> tuple[int, dict[date, set[Pair]]]:
    """Return the version that was watched last, and what it found on days from `first` on.

    Without a day of its own a finding is of every day of its window. Days of the last weeks are
    told as well. Raises NoEvidenceError where nothing was ever watched.
    """
    watches = _watches(lake, model, first)
    version = watches[max(watches)]["version"]
    found: dict[date, set[Pair]] = {}
    for as_of, seen in watches.items():
        findings = seen["findings"] if seen["version"] == version else []
        for each in findings:
            alone = each.get("day")
            days = [date.fromisoformat(alone)] if alone else window(model, as_of)
            if each["name"] not in REPAIRED_OTHERWISE:
                for day in days:
                    found.setdefault(day, set()).add((each["name"], each["column"]))
    return version, found


def _watches(lake: Lake, model: MlModel, first: date) -> Mapping[date, dict[str, Any]]:
    name = f"{model.name}_{WATCHES}"
    table = quoted("ml", name)
    rows = (
        lake.rows(
            f"""select as_of, document from {table}
            where as_of >= least(?, (select max(as_of) from {table}) - ?::integer)""",
            [first, WATCHED_DAYS],
        )
        if store.exists(lake, name)
        else []
    )
    if not rows:
        raise NoEvidenceError(f"{model.name} was never watched: materialize {model.name}/drift")
    return {row["as_of"]: json.loads(row["document"]) for row in rows}


def _words(pairs: set[Pair]) -> str:
    return ", ".join(named(*pair) for pair in sorted(pairs, key=str))
