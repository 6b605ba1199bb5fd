"""Rows of the lake that models read and write, always in the order of (time, entity).

Entities are ordered as text, whatever their type: predictions are kept with the entity as text.
"""

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa

from declaration import MlModel
from errors import NoEvidenceError
from ml.schema import Schema
from resources.lake import Lake, listed, quoted
from turns import take_turn


def features(
    lake: Lake, model: MlModel, days: Sequence[date], snapshot: int | None = None
) -> pa.Table:
    """Return the features of `days`, one row per entity and day, at a snapshot of the lake."""
    table = quoted(model.features_schema, model.features.table)
    time, entity = quoted(model.time), quoted(model.entity)
    query = f"""select * from {table} where {time} in {listed(days)}
    order by {time}, {entity}::varchar"""
    return lake.read(query, list(days), snapshot)


def labelled(
    lake: Lake, model: MlModel, days: Sequence[date], snapshot: int | None = None
) -> pa.Table:
    """Return features and label of `days`, of entities that have both, at a snapshot of the lake.

    Raises NoEvidenceError where there is no such row.
    """
    time, entity = quoted(model.time), quoted(model.entity)
    rows = lake.read(
        f"""select f.*, l.{quoted(model.label.column)}
        from {quoted(model.features_schema, model.features.table)} as f
        join {quoted(model.label_schema, model.label.table)} as l using ({entity}, {time})
        where f.{time} in {listed(days)} and l.{time} in {listed(days)}
        order by f.{time}, f.{entity}::varchar""",
        [*days, *days],
        snapshot,
    )
    if not rows.num_rows:
        span = f"{min(days)}..{max(days)}" if days else "no day at all"
        raise NoEvidenceError(
            f"{model.name}: no labelled row of {span} in {model.features.table} and "
            f"{model.label.table}: materialize both for these days first"
        )
    return rows


def schema(model: MlModel, rows: pa.Table) -> Schema:
    """Return which columns of `rows` the model learns from: a new feature is one more of them."""
    with_label = (
        rows.schema
        if model.label.column in rows.schema.names
        else rows.schema.append(pa.field(model.label.column, pa.int32()))
    )
    return Schema.of(
        with_label,
        entity=model.entity,
        time=model.time,
        label=model.label.column,
        exclude=model.features.exclude,
        task=model.task,
        classes=model.label.classes,
    )


def label_keys(lake: Lake, model: MlModel, days: Sequence[date]) -> pa.Table:
    """Return the key columns of the labels of `days`; none where labels have never been built."""
    time, entity = quoted(model.time), quoted(model.entity)
    if not exists(lake, model.label_schema, model.label.table):
        return pa.table(
            {model.time: pa.array([], pa.date32()), model.entity: pa.array([], "string")}
        )
    table = quoted(model.label_schema, model.label.table)
    query = f"select {time}, {entity} from {table} where {time} in {listed(days)}"
    return lake.read(query, list(days))


def exists(lake: Lake, schema: str, table: str, snapshot: int | None = None) -> bool:
    """Return whether a table has been made, at a snapshot of the lake.

    Costs a tenth of a search of `information_schema`, which reads every table. Only the catalog is
    asked: where a query names a missing table `json`, DuckDB looks for a file of that ending.
    Names with `"` in them, which dbt does not quote either, are not found.
    """
    try:
        lake.read("select name from pragma_table_info(?)", [quoted(schema, table)], snapshot)
    except duckdb.CatalogException:
        return False
    return True


def replace_days(
    lake: Lake, table: str, days: Sequence[date], rows: pa.Table, time: str, columns: str
) -> None:
    """Write `rows` as all there is of `days` in `ml.<table>`, in one transaction.

    columns: the table's SQL columns, for its first write.
    """
    lake.transact(lambda connection: put_days(connection, table, days, rows, time, columns))


def put_days(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    days: Sequence[date],
    rows: pa.Table,
    time: str,
    columns: str,
) -> None:
    """Do the work of `replace_days` inside the caller's transaction."""
    name = quoted("ml", table)
    connection.execute(f"create table if not exists {name} ({columns})")
    take_turn(connection, f"ml.{table}")
    connection.execute(
        f"delete from {name} where {quoted(time)} in (select unnest(?))", [list(days)]
    )
    connection.register("new_rows", rows)
    connection.execute(f"insert into {name} by name select * from new_rows")
    connection.unregister("new_rows")
