"""Landing files to typed rows with reasons, on Spark. The only file that builds Spark queries."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that everyone gives it
from pyspark.sql.types import DataType, LongType, StringType, StructField, StructType

from declaration import RawTable
from ingestion.casting import named, typed
from ingestion.contract import NO_PARENTS, OWN, UNSPLITTABLE, Parents, not_typed, validator
from ingestion.json_lines import splitter
from ingestion.landing import Landed

ROW_BITS = (1 << 33) - 1  # monotonically_increasing_id: the low 33 bits count rows in a partition

COLUMNS = 20_480  # Spark's own bound; a record of more fields would end the whole pass
GLOB = re.compile(r"[\\*?\[\]{}]")  # what a path must escape, or Spark takes it for a pattern


def read_rows(
    spark: SparkSession,
    table: RawTable,
    landed: Sequence[Landed],
    key: bytes,
    parents: Parents = NO_PARENTS,
) -> DataFrame:
    """Return one row per record of the staged files, accepted where `_reasons` is empty.

    parents: see `ingestion.parents.parent_keys`. Columns: the contract's, then `_day`, `_delivery`,
    `_file` (the landing file), `_line` (1 for the first record after the header), `_reasons`,
    `_fields` (JSON, rejected rows only), `_line_hash` (records that cannot be split keep this
    instead of fields).
    """
    groups: dict[tuple[str, ...], list[Landed]] = defaultdict(list)
    for file in landed:
        groups[file.header].append(file)
    rows = reduce(
        DataFrame.unionByName,
        [_typed(_fields(spark, table, files), table, files) for files in groups.values()],
    )
    rows = _with_unique(rows, table).coalesce(_tasks(spark))
    # Spark takes a dot or a backtick in a name for syntax there, so columns go by number
    numbered = rows.toDF(*_numbers(table), *rows.columns[len(table.columns) :])
    judged = numbered.mapInArrow(validator(table, key, parents), schema=_schema(table))
    return judged.toDF(*(column.name for column in table.columns), *OWN)


def write_rows(rows: DataFrame, table: RawTable, folder: str) -> None:
    """Write accepted rows beside the lake's data, a folder per day and delivery, and rejects."""
    ok = F.size("_reasons") == 0
    stored = [named(column.name) for column in table.columns]
    accepted = rows.where(ok).select(*stored, "_day", "_delivery", "_line")
    accepted.write.partitionBy("_day", "_delivery").parquet(f"{folder}/accepted")
    kept = ["_day", "_delivery", "_line", "_file", "_reasons", "_fields", "_line_hash"]
    rejected = rows.where(~ok).select(*kept)
    rejected.write.parquet(f"{folder}/rejected")


def _fields(spark: SparkSession, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    """Read staged files of one header as text fields; every file is one Spark partition.

    Columns: the contract's, `_corrupt` (a record that cannot be split), `_name` of the staged file,
    `_line` (1 for the first record).
    """
    read = {"csv": _csv, "json": _json, "parquet": _parquet}[table.ingest.format]
    return read(spark, table, files)


def _csv(spark: SparkSession, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    declared = [column.name for column in table.columns]
    header = files[0].header
    names = [name if name in declared else f"_unknown_{i}" for i, name in enumerate(header)]
    schema = StructType([StructField(name, StringType()) for name in (*names, "_corrupt")])
    rows = spark.read.csv(
        _paths(files), schema=schema, columnNameOfCorruptRecord="_corrupt", mode="PERMISSIVE",
        escape='"', multiLine=True, lineSep="\n",
        maxColumns=max(COLUMNS, *(file.longest + 1 for file in files)),
    )  # fmt: skip
    # lines may end with CR LF or LF, even within one file: what is left of a CR is cut off
    blank = named(names[0]).eqNullSafe("\r")
    for name in names[1:]:
        blank &= named(name).isNull()
    last = F.regexp_replace(named(names[-1]), "\r$", "")
    fields = {name: named(name) for name in declared}
    if names[-1] in declared:
        fields[names[-1]] = F.when(last != "", last)
    position = F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_BITS))  # 0 is the header
    rows = rows.withColumns({"_line": position, "_name": F.col("_metadata.file_name")})
    rows = rows.where((F.col("_line") > 0) & ~blank)
    return rows.select(*_as(fields), "_corrupt", "_name", "_line")


def _json(spark: SparkSession, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    position = F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_BITS)) + 1
    name = F.col("_metadata.file_name").alias("_name")
    lines = spark.read.text(_paths(files), lineSep="\n").select(
        "value", name, position.alias("_line")
    )
    fields = [StructField(column.name, StringType()) for column in table.columns]
    own = [StructField(own, StringType()) for own in ("_corrupt", "_name")]
    schema = StructType([*fields, *own, StructField("_line", LongType())])
    return lines.where(F.col("value").rlike(r"\S")).mapInArrow(splitter(table), schema)


def _parquet(spark: SparkSession, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    schema = StructType([StructField(column.name, StringType()) for column in table.columns])
    return (
        spark.read.schema(schema)
        .parquet(*_paths(files))
        .select(
            *(named(column.name) for column in table.columns),
            F.lit(None).cast("string").alias("_corrupt"),
            F.col("_metadata.file_name").alias("_name"),
            (F.col("_metadata.row_index") + 1).alias("_line"),
        )
    )


def _paths(files: Sequence[Landed]) -> list[str]:
    # a star or a bracket in a path is a letter, not a pattern
    return [GLOB.sub(r"\\\g<0>", f"file://{file.staged}") for file in files]


def _as(values: Mapping[str, SparkColumn]) -> list[SparkColumn]:
    return [value.alias(name) for name, value in values.items()]


def _typed(fields: DataFrame, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    """Cast text to the contract's types; what cannot be cast becomes a reason, never an error."""
    names = {Path(str(file.staged)).name: str(file.file) for file in files}
    sources = F.create_map(*(F.lit(text) for pair in names.items() for text in pair))
    torn = F.col("_corrupt").isNotNull()
    # values are columns of their own, so that reasons look at them without casting again
    numbers = dict(zip((c.name for c in table.columns), _numbers(table), strict=True))
    values = {
        numbers[c.name]: typed(named(c.name), c, table.ingest.timezone) for c in table.columns
    }
    fields = fields.select(
        "*", *_as(values), F.substring("_name", 1, 10).cast("date").alias("_day")
    )
    reasons = [
        F.when(named(c.name).isNotNull() & F.col(numbers[c.name]).isNull(), not_typed(c))
        for c in table.columns
    ]
    if table.ingest.event_time:
        reasons.append(_another_day(F.col(numbers[table.ingest.event_time]), table))
    whole = F.filter(F.array(*reasons), lambda reason: reason.isNotNull())
    given = [named(column.name) for column in table.columns]
    return fields.select(
        *_as({name: F.when(~torn, F.col(number)) for name, number in numbers.items()}),
        "_day",
        F.substring("_name", 12, 16).alias("_delivery"),
        sources[F.col("_name")].alias("_file"),
        "_line",
        F.to_json(F.struct(*given), {"ignoreNullFields": "false"}).alias("_raw"),
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
            peers = F.count(named(column.name)).over(Window.partitionBy("_day", named(column.name)))
            reason = F.when(peers > 1, F.array(F.lit(f"{column.name}: unique")))
            none = F.array().cast("array<string>")
            rows = rows.withColumn("_reasons", F.concat("_reasons", F.coalesce(reason, none)))
    return rows


def _tasks(spark: SparkSession) -> int:
    """Return how many tasks a stage has; Spark Connect tells no client how many cores there are."""
    return int(str(spark.conf.get("spark.sql.shuffle.partitions")))


def _numbers(table: RawTable) -> list[str]:
    return [f"_{number}" for number in range(len(table.columns))]


def _schema(table: RawTable) -> StructType:
    stored = [
        StructField(number, StringType() if c.pii else DataType.fromDDL(c.spark_type))
        for number, c in zip(_numbers(table), table.columns, strict=True)
    ]
    return StructType([*stored, *(StructField(n, DataType.fromDDL(t)) for n, t in OWN.items())])
