"""Text to typed values in Spark: what is not exactly of the type becomes null, never an error.

Spark's own casts are milder: they round decimals that do not fit, read `2024` as a date and `NaN`
as a number, drop a time's zone, and pass over whatever follows a date.
"""

import re

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F  # noqa: N812 - the name that everyone gives it

from declaration import Column

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
ZONE = r"\s*(Z|[+-]\d{2}:?\d{2})\s*$"
DAY = r"^\s*(?!0000)\d{4}-\d{1,2}-\d{1,2}"
TIME = r"[ T]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?"
USUAL = r"^(?!0000)\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?$"  # most are, and cost one look only
MOMENT = rf"{DAY}({TIME}({ZONE})?)?\s*$"


def named(name: str) -> SparkColumn:
    """Return the column of exactly this name, whatever dots and backticks it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def typed(text: SparkColumn, column: Column, timezone: str) -> SparkColumn:
    """Return text as a value of a column's type, null where it is none.

    timezone: clock of the table's days; a time that names its own zone is told on this clock.
    """
    if column.data_type in ("date", "timestamp"):
        moment = _moment(text, timezone)
        day = moment.cast("date")
        # a date with a time of day has lost something as a date, one at midnight has not
        is_day = day.cast("timestamp_ntz") == moment
        return moment if column.data_type == "timestamp" else F.when(is_day, day)
    cast = text.try_cast(column.spark_type)
    if column.data_type == "double":
        return F.when(text.rlike(NUMBER) & (F.abs(cast) < float("inf")), cast)
    if decimal := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", column.data_type):
        precision, scale = int(decimal[1]), int(decimal[2])
        plain = text.rlike(rf"^-?\d{{1,{max(precision - scale, 1)}}}(\.\d{{0,{scale}}})?$")
        return F.when(plain | _fits(text, precision, scale), cast)
    return cast


def _moment(text: SparkColumn, timezone: str) -> SparkColumn:
    """Return a wall-clock time of the table's clock."""
    colon = F.regexp_replace(text, r"\s*([+-]\d{2}):?(\d{2})\s*$", "$1:$2")
    instant = colon.try_cast("timestamp").cast("timestamp_ntz")  # the session's clock is UTC
    here = F.convert_timezone(F.lit("UTC"), F.lit(timezone), instant)
    wall = text.try_cast("timestamp_ntz")
    has_zone = text.rlike(rf"{TIME}{ZONE}")
    odd = F.when(text.rlike(MOMENT), F.when(has_zone, here).otherwise(wall))
    return F.when(text.rlike(USUAL), wall).otherwise(odd)


def _fits(text: SparkColumn, precision: int, scale: int) -> SparkColumn:
    """Return whether nothing but zeros stands after the declared decimals."""
    wide = text.try_cast(f"decimal(38, {38 - precision + scale})")
    narrow = text.try_cast(f"decimal({precision}, {scale})")
    cut = text.rlike(rf"^[^eE]*\.\d{{{scale}}}\d*[1-9]\d*\s*$")
    return ~cut & (wide == narrow)
