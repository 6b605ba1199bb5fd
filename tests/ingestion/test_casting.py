"""Text to values on real Spark; all cases are one query."""

import pytest
from pyspark.sql import functions as F  # noqa: N812

from ingestion.casting import named, typed

CASES: dict[str, dict[str, str | None]] = {
    "integer": {
        "17": "17", " 17 ": "17", "-2147483648": "-2147483648", "2147483648": None, "1.5": None,
        "17.0": None, "1e3": None, "0x10": None, "1_000": None, "1,000": None, "NaN": None,
    },
    "bigint": {"9007199254740993": "9007199254740993", "9223372036854775808": None},
    "double": {
        "1.5": "1.5", "-.5": "-0.5", "1e3": "1000.0", "NaN": None, "nan": None, "Infinity": None,
        "-inf": None, "1e400": None, "1e-400": "0.0", "1d": None, "1f": None, "1,5": None,
    },
    "decimal(18,4)": {
        "2.5": "2.5000", "2.5000": "2.5000", "2.50000000": "2.5000", "2.50001": None,
        "1e2": "100.0000", "1.5e-4": None, "1e-4": "0.0001", "NaN": None, "Infinity": None,
        "99999999999999.9999": "99999999999999.9999", "100000000000000": None, "1e400": None,
        "0.000000000000000000000000000000000000001": None, "£2.50": None,
    },
    "decimal(38,2)": {"1.25": "1.25", "1.255": None},
    "boolean": {"true": "true", "FALSE": "false", "1": "true", "maybe": None},
    "date": {
        "2024-02-29": "2024-02-29", "2024-3-1": "2024-03-01", "2024-02-30": None, "2024": None,
        "2024-03-01 00:00:00": "2024-03-01", "2024-03-01 09:00:00": None, "45352": None,
        "2024-03-01 junk": None, "01/03/2024": None, "9999-12-31": "9999-12-31",
        "0001-01-01": "0001-01-01", "0000-01-01": None, "10000-01-01": None,
        "1899-12-30": "1899-12-30",
    },
    "timestamp": {
        "2024-03-01 09:00:00": "2024-03-01 09:00:00", "2024-03-01T09:00": "2024-03-01 09:00:00",
        "2024-03-01 09:00:00.25": "2024-03-01 09:00:00.25", "2024-03-01": "2024-03-01 00:00:00",
        "2024-07-01T09:00:00Z": "2024-07-01 10:00:00",
        "2024-03-01T09:00:00Z": "2024-03-01 09:00:00",
        "2024-03-01 09:00:00+02:00": "2024-03-01 07:00:00",
        "2024-03-01 09:00:00 -0130": "2024-03-01 10:30:00",
        "2024-03-01 25:00": None, "2024-02-30 09:00": None, "2024-03-01 09:00 GMT+2": None,
        "2024": None, "09:00": None, "9999-12-31": "9999-12-31 00:00:00", "now": None,
    },
    "varchar": {"NaN": "NaN", " a ": " a "},
}  # fmt: skip


def test_text_is_a_value_exactly_or_not_at_all(spark, declare) -> None:
    texts = sorted({text for cases in CASES.values() for text in cases})
    rows = spark.createDataFrame([(text,) for text in texts], "`a.b`` c` string")
    field = named("a.b` c")
    found = rows.select(
        field.alias("text"),
        *(
            typed(field, declare("x", kind), "Europe/London").cast("string").alias(str(number))
            for number, kind in enumerate(CASES)
        ),
    ).collect()
    by_text = {row["text"]: row for row in found}
    read = {
        kind: {text: by_text[text][str(number)] for text in cases}
        for number, (kind, cases) in enumerate(CASES.items())
    }
    assert read == CASES


@pytest.mark.parametrize("kind", CASES)
def test_what_is_missing_stays_missing(spark, declare, kind: str) -> None:
    [row] = spark.range(1).select(typed(F.lit(None), declare("x", kind), "UTC")).collect()
    assert row[0] is None
