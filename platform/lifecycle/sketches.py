"""Daily sketches of columns, kept in the lake: a check of any day or span reads no rows again.

A day is sketched when it is first asked for, and again where its partition was built again or its
rows were replaced.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from commit_points import reached
from declaration import MlModel
from lifecycle import store
from ml.sketch import DAILY, ColumnSketch, has_distribution, sketch_table
from resources.lake import Lake, quoted
from resources.whole import whole
from turns import take_turn

SKETCHES = "sketches"  # of schema ml
COLUMNS = """table_name varchar, day date, column_name varchar, kind varchar, n bigint,
    nulls bigint, infinite bigint, low double, high double, points double[], levels varchar[],
    counts bigint[], checksum varchar, written_at timestamp"""
CHUNK = 28  # days whose rows are in memory at once
Table = dict[str, ColumnSketch]
Stamp = tuple[str | None, datetime | None]  # of the partition: by which code, when it was built
NO_STAMP: Stamp = (None, None)


@dataclass(frozen=True)
class Source:
    """A table with one set of rows per day; keys are not sketched."""

    schema: str
    table: str
    time: str
    keys: tuple[str, ...]

    def wanted(self, rows: pa.Table) -> pa.Table:
        """The columns that have a distribution."""
        fields = [f for f in rows.schema if f.name not in self.keys and has_distribution(f.type)]
        return rows.select([field.name for field in fields])


def of_features(model: MlModel) -> Source:
    """Return the features table of a model."""
    keys = (model.entity, model.time)
    return Source(model.features_schema, model.features.table, model.time, keys)


def of_labels(model: MlModel) -> Source:
    """Return the labels table of a model."""
    return Source(model.label_schema, model.label.table, model.time, (model.entity, model.time))


def of_predictions(model: MlModel) -> Source:
    """Return the predictions of a model's champions, each day by the version of the day."""
    keys = (model.entity, model.time, "version")
    return Source("ml", store.predictions(model), model.time, keys)


def of_days(lake: Lake, source: Source, days: Sequence[date]) -> dict[date, Table]:
    """Return the sketches of those of the `days` that have rows, making what is missing or old."""
    found = _current(lake, source, days)
    missing = [day for day in days if day not in found]
    for first in range(0, len(missing), CHUNK):
        found |= _make(lake, source, missing[first : first + CHUNK])
        reached("sketches-kept")
    return dict(sorted(found.items()))


def forget(connection: duckdb.DuckDBPyConnection, source: Source, days: Sequence[date]) -> None:
    """Drop the sketches of rows that are replaced, inside the caller's transaction.

    Of features and labels nobody needs to: their partitions say when they were built.
    """
    name = quoted("ml", SKETCHES)
    connection.execute(f"create table if not exists {name} ({COLUMNS})")
    connection.execute(
        f"delete from {name} where table_name = ? and day in (select unnest(?))",
        [source.table, list(days)],
    )


def split_by_day(rows: pa.Table, time: str) -> Iterator[tuple[date, pa.Table]]:
    """Split rows, which are in the order of time, into days."""
    encoded = pa.compute.run_end_encode(rows[time].combine_chunks().cast(pa.date32()))
    start = 0
    for day, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield day, rows.slice(start, end - start)
        start = end


def _current(lake: Lake, source: Source, days: Sequence[date]) -> dict[date, Table]:
    """Return the kept sketches that are of the partitions as they are now."""
    if not store.exists(lake, SKETCHES) or not days:
        return {}
    rows = lake.rows(
        f"""select s.*
        from {quoted("ml", SKETCHES)} as s
        left join ledger.partitions as p on p.table_name = s.table_name and p.day = s.day
        where s.table_name = ? and s.day in (select unnest(?))
            and s.checksum is not distinct from p.checksum
            and s.written_at is not distinct from p.written_at
        order by s.day, s.column_name""",
        [source.table, list(days)],
    )
    found: dict[date, Table] = {}
    for row in rows:
        found.setdefault(row["day"], {})[row["column_name"]] = _sketch(row)
    return found


def _sketch(row: Mapping[str, Any]) -> ColumnSketch:
    values = {field.name: row[field.name] for field in fields(ColumnSketch)}
    lists = {name: tuple(row[name]) for name in ("points", "levels", "counts")}
    return ColumnSketch(**{**values, **lists})


def _make(lake: Lake, source: Source, days: Sequence[date]) -> dict[date, Table]:
    """Sketch rows and keep that, in one transaction that no writer of these rows may overlap."""

    def make(connection: duckdb.DuckDBPyConnection) -> dict[date, Table]:
        take_turn(connection, f"ml.{source.table}")
        time = quoted(source.time)
        rows = connection.execute(
            f"""select * from {quoted(source.schema, source.table)}
            where {time} in (select unnest(?)) order by {time}""",
            [list(days)],
        ).to_arrow_table()
        parts = split_by_day(rows, source.time)
        made = {day: sketch_table(source.wanted(part), DAILY) for day, part in parts}
        _replace(connection, source, days, made)
        return made

    return lake.transact(make)


def _replace(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    days: Sequence[date],
    made: Mapping[date, Table],
) -> None:
    with whole(connection):
        found = connection.execute(
            """select day, checksum, written_at from ledger.partitions
            where table_name = ? and day in (select unnest(?))""",
            [source.table, list(days)],
        ).fetchall()
    stamps = {day: (checksum, written) for day, checksum, written in found}
    rows = [
        {
            **{"table_name": source.table, "day": day, "column_name": name},
            **vars(column),
            **dict(zip(("checksum", "written_at"), stamps.get(day, NO_STAMP), strict=True)),
        }
        for day, table in made.items()
        for name, column in table.items()
    ]
    name = quoted("ml", SKETCHES)
    forget(connection, source, days)
    if not rows:
        return
    connection.register("new_sketches", pa.Table.from_pylist(rows, schema=_schema()))
    connection.execute(f"insert into {name} by name select * from new_sketches")
    connection.unregister("new_sketches")


def _schema() -> pa.Schema:
    number, text = pa.float64(), pa.string()
    types = {
        **{"table_name": text, "day": pa.date32(), "column_name": text, "kind": text},
        **dict.fromkeys(("n", "nulls", "infinite"), pa.int64()),
        **{"low": number, "high": number, "points": pa.list_(number)},
        **{"levels": pa.list_(text), "counts": pa.list_(pa.int64())},
        **{"checksum": text, "written_at": pa.timestamp("us")},
    }
    return pa.schema(list(types.items()))
