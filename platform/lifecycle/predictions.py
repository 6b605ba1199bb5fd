"""The tables of predictions: replaced, withdrawn and looked through by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from declaration import MlModel
from examples import put_days
from lifecycle import sketches, store
from ml.task import Floats
from resources.lake import Lake, quoted

NOTES = """{time} date, version integer, role varchar, rows bigint, row_ms double, fault varchar,
    detail varchar, features varchar"""  # features: checksum of the SQL whose rows were scored


@dataclass(frozen=True)
class Part:
    """What one version made of some days; notes are rows of `ml.<model>_scoring`."""

    predictions: pa.Table
    notes: list[dict[str, Any]]
    skipped: Mapping[date, str]
    other_code: str | None = None


def keep(
    lake: Lake, model: MlModel, days: Sequence[date], live: Sequence[Part], shadows: Sequence[Part]
) -> None:
    """Replace what was predicted of `days`, by whom and how, in one transaction."""
    time, empty = model.time, predicted(model).empty_table()
    columns = f"{quoted(model.entity)} varchar, {quoted(time)} date, {described(model)}, "
    columns += "version integer"
    noted = NOTES.format(time=quoted(time))
    notes = [note for part in (*live, *shadows) for note in part.notes]
    scored = pa.Table.from_pylist(notes, _noted(model))
    tables = [
        (store.predictions(model), [part.predictions for part in live], columns),
        (store.shadow(model), [part.predictions for part in shadows], columns),
        (store.scoring(model), [scored], noted),
    ]

    older = f"""alter table if exists {quoted("ml", store.scoring(model))}
        add column if not exists features varchar"""

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(older)
        for name, parts, described in tables:
            rows = pa.concat_tables(parts) if parts else empty
            put_days(connection, name, days, rows, time, described)
        sketches.forget(connection, sketches.of_predictions(model), days)

    lake.transact(write)


def withdraw(lake: Lake, model: MlModel, days: Sequence[date]) -> int:
    """Remove predictions and losses of days whose features have failed; returns predictions gone.

    What was predicted from rows that a day no longer has would look like a prediction from it.
    """
    tables = (store.predictions, store.performance, store.shadow, store.scoring)
    names = [name(model) for name in tables]
    kept = [quoted("ml", name) for name in names if store.exists(lake, name)]
    if not kept or not days:
        return 0
    within = f"where {quoted(model.time)} in (select unnest(?))"

    def remove(connection: duckdb.DuckDBPyConnection) -> int:
        found = connection.execute(f"select count(*) from {kept[0]} {within}", [list(days)])
        rows = int(found.fetchall()[0][0])
        for table in kept if rows else ():
            connection.execute(f"delete from {table} {within}", [list(days)])
        return rows

    return lake.transact(remove)


def unscored(lake: Lake, model: MlModel, first: date, last: date) -> list[date]:
    """Return the days of a span that a champion should have scored and that have no prediction."""
    if not store.exists(lake, store.predictions(model)):
        return []
    time, predictions = quoted(model.time), quoted("ml", store.predictions(model))
    scored = f"select distinct {time} from {predictions} where {time} between $first and $last"
    found = lake.rows(
        f"""select day from ledger.partitions
        where table_name = $table and status = 'passed' and rows > 0
            and day between $first and $last
            and day > (select min(as_of) from ledger.champions where model = $model)
            and day not in ({scored})
        order by day""",
        {"table": model.features.table, "model": model.name, "first": first, "last": last},
    )
    return [row["day"] for row in found]


def predicted(model: MlModel) -> pa.Schema:
    """Return the columns of predictions."""
    return pa.schema(
        [
            (model.entity, pa.string()),
            (model.time, pa.date32()),
            *((name, pa.float64()) for name in model.target.columns),
            ("version", pa.int32()),
        ]
    )


def columns_of(model: MlModel, values: Floats) -> dict[str, pa.ChunkedArray]:
    """Return predictions as the columns that tables have of them."""
    table = model.target.table(values)
    return dict(zip(table.column_names, table.columns, strict=True))


def described(model: MlModel) -> str:
    """Return the SQL of these columns."""
    return ", ".join(f"{quoted(name)} double" for name in model.target.columns)


def _noted(model: MlModel) -> pa.Schema:
    kinds = {
        model.time: pa.date32(), "version": pa.int32(), "role": pa.string(), "rows": pa.int64(),
        "row_ms": pa.float64(), "fault": pa.string(), "detail": pa.string(),
        "features": pa.string(),
    }  # fmt: skip
    return pa.schema(list(kinds.items()))
