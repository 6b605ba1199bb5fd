"""Landing files to typed rows with reasons, on Spark. The only file that builds Spark queries."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import reduce
from pathlib import Path

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that everyone gives it
from pyspark.sql.types import LongType, StringType, StructField, StructType

from declaration import Column, RawTable
from ingestion.casting import named, typed
from ingestion.contract import (
    NO_PARENTS,
    OWN,
    UNSPLITTABLE,
    Parents,
    examined,
    judge,
    not_typed,
)
from ingestion.json_lines import splitter
from ingestion.landing import Landed
from ingestion.publish import ACCEPTED, REJECTED, day_folder

ROW_BITS = (1 << 33) - 1  # monotonically_increasing_id: the low 33 bits count rows in a partition

TASK_ROWS = 250_000
COLUMNS = 20_480  # Spark's own bound; a record of more fields would end the whole pass
PART, EPOCH = "_part", date(1970, 1, 1)
KEEP_NULLS = {"ignoreNullFields": "false"}
GLOB = re.compile(r"[\\*?\[\]{}]")  # what a path must escape, or Spark takes it for a pattern


def read_rows(
    spark: SparkSession,
    table: RawTable,
    landed: Sequence[Landed],
    key: bytes,
    parents: Parents = NO_PARENTS,
) -> DataFrame:
    """Return one row per record of the staged files.

    landed: one file a day at most. parents: see `ingestion.parents.parent_keys`. Columns: the
    contract's, then `_day`, `_line` (1 for the first record after the header), `_rejected`, and of
    rejected rows `_file` (the landing file), `_reasons`, and `_fields` (JSON) or `_line_hash` (of
    records that cannot be split).
    """
    groups: dict[tuple[str, ...], list[Landed]] = defaultdict(list)
    for file in landed:
        groups[file.header].append(file)
    rows = reduce(
        DataFrame.unionByName,
        [_typed(_fields(spark, table, files), table) for files in groups.values()],
    )
    rows = _with_unique(rows, table).coalesce(_tasks(spark, landed))
    return _kept(_judged(rows, table, judge(table, key, parents)), table, landed)


def write_rows(rows: DataFrame, folder: str, landed: Sequence[Landed]) -> None:
    """Write rows beside the lake's data, a folder for what is rejected or not, day and delivery.

    Spark sorts rows by the columns that name their folders before it writes them. By one number
    that takes a fifth of what it takes by three columns; the folders get their names afterwards.
    """
    number = F.unix_date("_day") * 2 + F.col("_rejected").cast("int")
    rows = rows.withColumn(PART, number).drop("_rejected", "_day")
    rows.write.partitionBy(PART).parquet(folder)
    _name_folders(Path(folder), {file.day: file for file in landed})


def _name_folders(folder: Path, files: Mapping[date, Landed]) -> None:
    for written in list(folder.glob(f"{PART}=*")):
        days, is_rejected = divmod(int(written.name.removeprefix(f"{PART}=")), 2)
        kind, file = REJECTED if is_rejected else ACCEPTED, files[EPOCH + timedelta(days=days)]
        named_folder = day_folder(str(folder), kind, file)
        named_folder.parent.mkdir(parents=True, exist_ok=True)
        written.rename(named_folder)


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
    last = named(names[-1])
    last = F.when(last.endswith("\r"), F.left(last, F.length(last) - 1)).otherwise(last)
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


def _typed(fields: DataFrame, table: RawTable) -> DataFrame:
    """Cast text to the contract's types; what cannot be cast becomes a reason, never an error.

    Columns: the contract's values by number (`_numbers`), the text of those that are no text
    anyway, `_corrupt`, `_name`, `_line`, `_day`, `_reasons`.
    """
    numbers = _numbers(table)
    values = {
        numbers[c.name]: typed(named(c.name), c, table.ingest.timezone) for c in table.columns
    }
    # values are columns of their own, so that reasons look at them without casting again
    rows = fields.select("*", *_as(values), F.substring("_name", 1, 10).cast("date").alias("_day"))
    torn = F.col("_corrupt").isNotNull()
    reasons = [
        F.when(named(c.name).isNotNull() & F.col(numbers[c.name]).isNull(), not_typed(c))
        for c in table.columns
        if c.data_type != "varchar"
    ]
    if table.ingest.event_time:
        reasons.append(_another_day(F.col(numbers[table.ingest.event_time]), table))
    found = F.filter(F.array(*reasons), lambda reason: reason.isNotNull())
    whole = F.when(F.coalesce(*reasons).isNotNull(), found) if reasons else F.lit(None)
    return rows.select(
        *_as({number: F.when(~torn, F.col(number)) for number in numbers.values()}),
        *(named(column.name) for column in table.columns if column.data_type != "varchar"),
        *("_corrupt", "_name", "_line", "_day"),
        F.when(torn, F.array(F.lit(UNSPLITTABLE))).otherwise(whole).alias("_reasons"),
    )


def _judged(rows: DataFrame, table: RawTable, judged: Callable) -> DataFrame:
    """Have executors check the contract's rules: `_judged` as `contract.judge` says, `_reasons`."""
    numbers, looked_at = _numbers(table), examined(table)
    personal = [column for column in looked_at if column.pii]
    hidden = [f", hidden_{number}: string" for number in range(len(personal))]
    kind = f"struct<rules: array<string>{''.join(hidden)}>"
    values = [_looked_at(F.col(numbers[column.name]), column) for column in looked_at]
    untyped = [F.when(F.col(numbers[c.name]).isNull(), _text(c, numbers)) for c in personal]
    check = F.arrow_udf(judged, kind)  # type: ignore[call-overload]  # the stubs know no hints
    told = check(*values, *untyped) if values else F.lit(None).cast(kind)
    return rows.withColumn("_judged", told).withColumn("_reasons", _all_reasons(table))


def _kept(rows: DataFrame, table: RawTable, files: Sequence[Landed]) -> DataFrame:
    """Replace personal values by their pseudonyms, and keep of rejected rows what they were."""
    numbers = _numbers(table)
    personal = [column.name for column in table.columns if column.pii]
    hidden = {name: F.col(f"_judged.hidden_{number}") for number, name in enumerate(personal)}
    rejected, torn = F.col("_reasons").isNotNull(), F.col("_corrupt").isNotNull()
    values = {name: F.col(number) for name, number in numbers.items()}
    values |= {name: F.when(values[name].isNotNull(), hidden[name]) for name in personal}
    given = _as({c.name: hidden.get(c.name, _text(c, numbers)) for c in table.columns})
    path = F.create_map(*(F.lit(key) for file in files for key in (file.day, str(file.file))))
    return rows.select(
        *values.values(),
        "_day",
        F.when(rejected, path[F.col("_day")]),
        "_line",
        "_reasons",
        F.when(torn, F.sha2("_corrupt", 256)),
        F.when(rejected & ~torn, F.to_json(F.struct(*given), KEEP_NULLS)),
        rejected,
    ).toDF(*values, *OWN)


def _looked_at(value: SparkColumn, column: Column) -> SparkColumn:
    """Return what executors need of a value: nothing, where it only must not be missing."""
    is_asked = column.pii or any(test.name not in ("not_null", "unique") for test in column.tests)
    return value if is_asked else F.when(value.isNotNull(), True)


def _text(column: Column, numbers: Mapping[str, str]) -> SparkColumn:
    """Return what the file has for a column; a text is its own value."""
    return F.col(numbers[column.name]) if column.data_type == "varchar" else named(column.name)


def _all_reasons(table: RawTable) -> SparkColumn:
    """Return the reasons of a row, null where it has none.

    A torn one has one, and a value that is not of its type one.
    """
    known, rules = F.coalesce("_reasons", _none()), F.col("_judged.rules")
    said = [
        F.when(F.array_contains(known, not_typed(c)), f"{c.name}: not_null") for c in table.columns
    ]
    more = F.when(F.col("_corrupt").isNull(), F.array_except(rules, F.array(*said)))
    both = F.concat(known, F.coalesce(more, _none()))
    return F.when(rules.isNull(), F.col("_reasons")).otherwise(both)


def _another_day(event_time: SparkColumn, table: RawTable) -> SparkColumn:
    return F.when(
        event_time.cast("date") != F.col("_day"), f"{table.ingest.event_time}: of another day"
    )


def _with_unique(rows: DataFrame, table: RawTable) -> DataFrame:
    """Add a reason for values that a day holds twice, where the contract says `unique`."""
    numbers = _numbers(table)
    for column in table.columns:
        if any(test.name == "unique" for test in column.tests):
            value = F.col(numbers[column.name])
            peers = F.count(value).over(Window.partitionBy("_day", value))
            reason = F.when(peers > 1, F.array(F.lit(f"{column.name}: unique")))
            both = F.concat(F.coalesce("_reasons", _none()), F.coalesce(reason, _none()))
            found = F.col("_reasons").isNotNull() | reason.isNotNull()
            rows = rows.withColumn("_reasons", F.when(found, both))
    return rows


def _tasks(spark: SparkSession, landed: Sequence[Landed]) -> int:
    """Return how many tasks read the files: one for each core, more where rows are many.

    A task keeps its rows until they are sorted and the checks' answers have come; beyond its share
    of the heap they would go to disk, twice. Small files go together: each task has a start.
    """
    rows = sum(file.records or 0 for file in landed)
    # Spark Connect tells no client how many cores there are
    return max(int(str(spark.conf.get("spark.sql.shuffle.partitions"))), rows // TASK_ROWS)


def _numbers(table: RawTable) -> dict[str, str]:
    """Name columns by number: Spark takes a dot or a backtick in a name for syntax."""
    return {column.name: f"_{number}" for number, column in enumerate(table.columns)}


def _none() -> SparkColumn:
    return F.array().cast("array<string>")
