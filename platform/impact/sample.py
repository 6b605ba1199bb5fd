"""Which days a change is looked at on."""

from collections.abc import Sequence
from datetime import date

import duckdb

from declaration import MlModel
from errors import NoEvidenceError
from ml.recipes import strided


def sampled(connection: duckdb.DuckDBPyConnection, model: MlModel, days: int) -> tuple[date, ...]:
    """Return the newest matured days that have features and labels, as far apart as training's.

    Ascending. Raises NoEvidenceError where nothing has been built.
    """
    built = _built(connection, model)
    if not built:
        raise NoEvidenceError(
            f"{model.name}: no day of {model.features.table} and {model.label.table} has been "
            "built and has passed its tests: there is nothing to compare with, build a history "
            "first (`leeway run`)"
        )
    every = model.train.every_days
    wanted = strided(max(built), days * every, every)
    return tuple(day for day in wanted if day in built)


def _built(connection: duckdb.DuckDBPyConnection, model: MlModel) -> set[date]:
    tables: Sequence[str] = sorted({model.features.table, model.label.table})
    found = connection.execute(
        """select day from ledger.partitions
        where table_name in (select unnest(?)) and status = 'passed' and rows > 0
        group by day having count(distinct table_name) = ?""",
        [tables, len(tables)],
    ).fetchall()
    return {day for (day,) in found}
