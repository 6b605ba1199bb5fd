"""A declared type that changes, on real Spark and a real lake."""

from datetime import date, datetime
from decimal import Decimal
from functools import partial

import duckdb
import pytest

from errors import DeclarationError
from ingestion.contract import pseudonyms
from ingestion.publish import create_all
from resources.lake import Lake, is_lock

KEY = b"a key for tests"
FIRST, SECOND = date(2024, 3, 1), date(2024, 3, 2)
HEADER = "code,sold_at"


@pytest.fixture
def typed(sales, declare):
    """The maker of a table whose column `code` has a type."""

    def made(data_type: str, name: str = "code", **more):
        columns = (declare(name, data_type, **more), declare("sold_at", "timestamp"))
        return sales(columns, checksum=f"{name} {data_type} {more}")

    return made


def land(desk, day: date, *codes: str) -> None:
    desk.land(day, *(f"{code},{day} 09:00:00" for code in codes), header=HEADER)


def put(lake: Lake, value: str) -> None:
    with lake.connect() as connection:
        connection.execute(f"insert into raw.sales (code) values ({value}), (null)")


def test_rows_rejected_for_their_type_are_taken_in_once_the_declared_type_is_wider(
    desk, lake, typed
) -> None:
    land(desk, FIRST, "7", "A8")
    [done] = desk.take(FIRST, table=typed("integer")).deliveries
    assert (done.accepted, done.quarantined) == (1, 1)
    with lake.connect() as connection:
        connection.execute("create view staging.codes as select code, _delivery from raw.sales")
    snapshot = lake.snapshot()
    wider = typed("varchar")
    land(desk, SECOND, "B9")
    assert [d.accepted for d in desk.take(FIRST, SECOND, table=wider).deliveries] == [2, 1]
    assert sorted(row["code"] for row in desk.rows()) == ["7", "7", "A8", "B9"]
    assert len(lake.rows("select * from staging.codes where code >= 'A'")) == 2
    assert lake.read("select code from raw.sales", snapshot=snapshot).to_pylist() == [{"code": 7}]
    assert desk.take(FIRST, SECOND, table=wider).unchanged == 2


@pytest.mark.parametrize(
    ("before", "after", "value", "kept"),
    [
        ("integer", "bigint", "7", 7),
        ("integer", "double", "7", 7.0),
        ("integer", "decimal(12, 2)", "2147483647", Decimal("2147483647.00")),
        ("bigint", "decimal(21,2)", "9223372036854775807", Decimal("9223372036854775807.00")),
        ("decimal(18,2)", "decimal(20,2)", "1.25", Decimal("1.25")),
        ("decimal(18,2)", "decimal(20,4)", "1.25", Decimal("1.2500")),
        ("date", "timestamp", "'2024-03-01'", datetime(2024, 3, 1)),
        ("boolean", "varchar", "true", "true"),
        ("timestamp", "varchar", "'2024-03-01 09:00:00'", "2024-03-01 09:00:00"),
    ],
)
def test_a_wider_type_keeps_every_value(
    lake, typed, before: str, after: str, value: str, kept: object
) -> None:
    create_all(lake, [typed(before)])
    put(lake, value)
    create_all(lake, [typed(after)])
    create_all(lake, [typed(after)])
    assert lake.rows("select code from raw.sales order by code") == [{"code": kept}, {"code": None}]


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("varchar", "integer", "'7'"),
        ("bigint", "integer", "7"),
        ("bigint", "double", "9007199254740993"),
        ("bigint", "decimal(20,2)", "7"),
        ("decimal(18,2)", "decimal(18,4)", "1.25"),
        ("timestamp", "date", "'2024-03-01 09:00:00'"),
    ],
)
def test_a_type_that_might_not_hold_what_is_stored_is_refused_with_the_way_out(
    lake, typed, before: str, after: str, value: str
) -> None:
    create_all(lake, [typed(before)])
    put(lake, value)
    told = f"holds it as {before.split('(')[0]}.*aliases: "
    with pytest.raises(DeclarationError, match=told) as refused:
        create_all(lake, [typed(after)])
    assert (refused.value.file, refused.value.key) == (
        "models/sources.yml",
        "sales.columns.code.data_type",
    )


def test_a_narrower_column_of_another_name_takes_the_files_column_by_its_alias(
    desk, lake, typed
) -> None:
    land(desk, FIRST, "A7")
    desk.take(FIRST, table=typed("varchar"))
    land(desk, SECOND, "8")
    desk.take(SECOND, table=typed("integer", name="number", aliases=("code",)))
    assert [(row["code"], row["number"]) for row in desk.rows()] == [("A7", None), (None, 8)]


def test_any_type_replaces_one_that_holds_no_value(lake, typed) -> None:
    create_all(lake, [typed("date")])
    put(lake, "null")
    for data_type in ("integer", "boolean", "decimal(18,4)"):
        create_all(lake, [typed(data_type)])
    with pytest.raises(duckdb.ConversionException):
        put(lake, "'a text'")


def test_a_number_that_becomes_personal_is_text_from_then_on(desk, typed) -> None:
    land(desk, FIRST, "7")
    desk.take(FIRST, table=typed("integer"))
    desk.take(FIRST, table=typed("integer", pii=True))
    assert {row["code"] for row in desk.rows()} == {"7", pseudonyms(KEY)(7)}


def test_a_write_by_the_old_type_that_overlaps_a_widening_must_try_again(lake, typed) -> None:
    create_all(lake, [typed("integer")])
    put(lake, "7")
    widen = partial(create_all, lake, [typed("varchar")])
    with lake.connect() as connection:
        connection.begin()
        connection.execute("insert into raw.sales (code) values (8)")
        widen()
        with pytest.raises(duckdb.Error) as refused:
            connection.commit()
        assert is_lock(refused.value)
    widen()
    assert lake.rows("select code from raw.sales order by code") == [{"code": "7"}, {"code": None}]
