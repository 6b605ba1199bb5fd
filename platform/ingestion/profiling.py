"""Profiles of deliveries, on Spark: one pass over rows that have been read."""

from datetime import date

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that everyone gives it

from declaration import Column, RawTable
from ingestion.audit import Counts
from ingestion.profile import ColumnProfile, Profile

ACCURACY = 10_000  # the approximate median is exact up to about so many different values


def profiled(rows: DataFrame, table: RawTable) -> dict[date, tuple[Counts, Profile]]:
    """Return the lines that were read and accepted, and the accepted ones' profile, by day.

    rows: as `reading.read_rows` returns them.
    """
    own = [F.col("_day"), F.col("_file"), F.col("_line"), (F.size("_reasons") == 0).alias("_ok")]
    measured = {
        f"{field}_{number}": (column.name, field, value)
        for number, column in enumerate(table.columns)
        for field, value in _measured(column).items()
    }
    values = [value.alias(alias) for alias, (_, _, value) in measured.items()]
    narrow = rows.select(*own, *values, _hour(table).alias("_hour"))
    in_file_order = Window.partitionBy("_day").orderBy("_file", "_line")
    for alias, (_, field, _) in measured.items():
        if field == "breaks":
            changes = F.col(alias) != F.lag(alias).over(in_file_order)
            narrow = narrow.withColumn(alias, changes.cast("int"))
    ok = F.col("_ok")
    found = narrow.groupBy("_day").agg(
        F.count("*").alias("_read"),
        F.count(F.when(ok, 1)).alias("_accepted"),
        F.min(F.when(ok, F.col("_hour"))).alias("_first"),
        F.max(F.when(ok, F.col("_hour"))).alias("_last"),
        *(_summary(field, F.when(ok, F.col(a))).alias(a) for a, (_, field, _) in measured.items()),
    )
    names = {alias: (name, field) for alias, (name, field, _) in measured.items()}
    return {row["_day"]: _profile(row, names) for row in found.collect()}


def _measured(column: Column) -> dict[str, SparkColumn]:
    """Return what is measured of each value of a column, by the field of ColumnProfile."""
    value = F.col(f"`{column.name.replace('`', '``')}`")
    found: dict[str, SparkColumn] = {}
    if column.is_number:
        found["median"] = value.cast("double")
    if column.stored_type == "varchar":
        found["distinct"] = F.when(value.isNotNull(), F.xxhash64(value))
    if column.data_type == "varchar" and not column.pii:
        found["length"] = F.length(value)
    if all(test.name != "not_null" for test in column.tests):
        found["nulls"] = found["breaks"] = value.isNull().cast("int")
    return found


def _summary(field: str, value: SparkColumn) -> SparkColumn:
    if field == "median":
        return F.percentile_approx(value, 0.5, ACCURACY)
    if field == "distinct":
        return F.try_divide(F.approx_count_distinct(value), F.count(value))
    return F.avg(value)


def _hour(table: RawTable) -> SparkColumn:
    """Return the hours from midnight to a row's event, null where the table has no such time."""
    name = table.ingest.event_time
    if not any(c.name == name and c.data_type == "timestamp" for c in table.columns):
        return F.lit(None).cast("double")
    time = F.col(f"`{name}`")
    return F.hour(time) + F.minute(time) / 60 + F.second(time) / 3600


def _profile(row: Row, names: dict[str, tuple[str, str]]) -> tuple[Counts, Profile]:
    fields: dict[str, dict[str, float]] = {}
    for alias, (name, field) in names.items():
        fields.setdefault(name, {})[field] = row[alias]
    columns = {name: ColumnProfile(**values) for name, values in fields.items()}
    profile = Profile(
        rows=row["_accepted"], first=row["_first"], last=row["_last"], columns=columns
    )
    return Counts(row["_read"], row["_accepted"]), profile
