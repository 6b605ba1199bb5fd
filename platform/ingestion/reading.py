"""Landing files to typed rows with reasons, on Spark. The only file that builds Spark queries."""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that everyone gives it

from declaration import RawTable
from ingestion.contract import UNSPLITTABLE, validator
from ingestion.landing import Landed

ROW_BITS = (1 << 33) - 1  # monotonically_increasing_id: the low 33 bits count rows in a partition

GLOB = re.compile(r"[\\*?\[\]{}]")  # what a path must escape, or Spark takes it for a pattern


def read_rows(
    spark: SparkSession, table: RawTable, landed: Sequence[Landed], key: bytes
) -> DataFrame:
    """Return one row per line of the files, accepted where `_reasons` is empty.

    Columns: the contract's, then `_day`, `_delivery`, `_line` (1 for the first line after the
    header), `_reasons`, `_fields` (JSON, rejected rows only), `_line_hash` (lines that cannot be
    split keep this instead of fields).
    """
    groups: dict[tuple[str, ...], list[Landed]] = defaultdict(list)
    for file in landed:
        groups[file.header].append(file)
    typed = [_typed(_lines(spark, table, files), table) for files in groups.values()]
    rows = reduce(DataFrame.unionByName, typed)
    rows = _with_unique(rows, table).coalesce(spark.sparkContext.defaultParallelism)
    return rows.mapInPandas(validator(table, key), schema=_schema(table))


def day_statistics(rows: DataFrame, table: RawTable) -> dict[str, dict]:
    """Return per day: lines `read` and `accepted`, and the median of every accepted number."""
    ok = F.size("_reasons") == 0
    medians = [
        F.percentile_approx(F.when(ok, F.col(c.name)), 0.5, 1000).cast("double").alias(c.name)
        for c in table.columns
        if c.is_number
    ]
    counts = [F.count("*").alias("_read"), F.count(F.when(ok, 1)).alias("_accepted")]
    found = rows.groupBy("_day").agg(*counts, *medians).collect()
    return {str(row["_day"]): row.asDict() for row in found}


def write_rows(rows: DataFrame, table: RawTable, folder: str) -> None:
    """Write accepted rows beside the lake's data, a folder per day and delivery, and rejects."""
    ok = F.size("_reasons") == 0
    stored = [column.name for column in table.columns] + ["_day", "_delivery", "_line"]
    accepted = rows.where(ok).select(*stored)
    accepted.write.partitionBy("_day", "_delivery").parquet(f"{folder}/accepted")
    kept = ["_day", "_delivery", "_line", "_file", "_reasons", "_fields", "_line_hash"]
    rejected = rows.where(~ok).select(*kept)
    rejected.write.parquet(f"{folder}/rejected")


def _lines(spark: SparkSession, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    """Read files of one header as text fields; every file is one Spark partition."""
    declared = [column.name for column in table.columns]
    names = [n if n in declared else f"_unknown_{i}" for i, n in enumerate(files[0].header)]
    schema = ", ".join(f"`{name.replace('`', '``')}` string" for name in (*names, "_corrupt"))
    paths = {file.file or "": file for file in files}
    lines = spark.read.csv(
        [GLOB.sub(r"\\\g<0>", f"file://{path}") for path in paths],
        schema=schema, columnNameOfCorruptRecord="_corrupt",
        escape='"', multiLine=True, mode="PERMISSIVE",
    )  # fmt: skip
    uri = F.replace("_metadata.file_path", F.lit("+"), F.lit("%2B"))
    path = F.regexp_replace(F.url_decode(uri), "^file:/+", "/")
    day = F.create_map(*(F.lit(v) for p, f in paths.items() for v in (p, f.day)))
    delivery = F.create_map(*(F.lit(v) for p, f in paths.items() for v in (p, f.delivery)))
    return lines.select(
        *(f"`{name.replace('`', '``')}`" for name in declared),
        "_corrupt",
        day[path].alias("_day"),
        delivery[path].alias("_delivery"),
        path.alias("_file"),
        F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_BITS)).alias("_line"),
    ).where("_line > 0")  # line 0 is the header


def _typed(lines: DataFrame, table: RawTable) -> DataFrame:
    """Cast text to the contract's types; what cannot be cast becomes a reason, never an error."""
    torn = F.col("_corrupt").isNotNull()
    casts = {c.name: F.col(c.name).try_cast(c.spark_type) for c in table.columns}
    reasons = [
        F.when(F.col(c.name).isNotNull() & casts[c.name].isNull(), f"{c.name}: not {c.data_type}")
        for c in table.columns
    ]
    if table.ingest.event_time:
        reasons.append(_another_day(casts[table.ingest.event_time], table))
    whole = F.filter(F.array(*reasons), lambda reason: reason.isNotNull())
    shown = [F.col(column.name) for column in table.columns if not column.pii]
    return lines.select(
        *(F.when(~torn, cast).alias(name) for name, cast in casts.items()),
        "_day",
        "_delivery",
        "_file",
        "_line",
        F.to_json(F.struct(*shown), {"ignoreNullFields": "false"}).alias("_raw"),
        F.when(torn, F.array(F.lit(UNSPLITTABLE))).otherwise(whole).alias("_reasons"),
        F.when(torn, F.sha2("_corrupt", 256)).alias("_line_hash"),
    )


def _another_day(event_time: SparkColumn, table: RawTable) -> SparkColumn:
    return F.when(
        event_time.cast("date") != F.col("_day"), f"{table.ingest.event_time}: of another day"
    )


def _with_unique(rows: DataFrame, table: RawTable) -> DataFrame:
    """Add a reason for values that a day holds twice, where the contract says `unique`."""
    for column in table.columns:
        if any(test.name == "unique" for test in column.tests):
            peers = F.count(column.name).over(Window.partitionBy("_day", column.name))
            reason = F.when(peers > 1, F.array(F.lit(f"{column.name}: unique")))
            none = F.array().cast("array<string>")
            rows = rows.withColumn("_reasons", F.concat("_reasons", F.coalesce(reason, none)))
    return rows


def _schema(table: RawTable) -> str:
    columns = [f"`{c.name}` {'string' if c.pii else c.spark_type}" for c in table.columns]
    own = ["_day date", "_delivery string", "_file string", "_line bigint"]
    return ", ".join(
        [*columns, *own, "_reasons array<string>", "_line_hash string", "_fields string"]
    )
