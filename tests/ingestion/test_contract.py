import json
import re
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from declaration import RawTable
from ingestion.contract import NO_PARENTS, UNSPLITTABLE, failures, pseudonyms, schema_of, validator

KEY = b"a key for tests"


def broken(column, values: list) -> dict:
    table = RawTable.model_construct(columns=(column,))
    kinds = {"timestamp": pa.timestamp("us"), "bigint": pa.int64(), "double": pa.float64()}
    arrow = pa.table({column.name: pa.array(values, kinds.get(column.data_type))})
    frame = arrow.to_pandas(coerce_temporal_nanoseconds=False, integer_object_nulls=True)
    return failures(schema_of(table), frame)


@pytest.mark.parametrize(
    ("data_type", "tests", "good", "bad"),
    [
        ("varchar", {"not_null": {}}, ["a", ""], None),
        ("varchar", {"accepted_values": {"values": ["a", "b"]}}, ["a", "b", None], "c"),
        ("integer", {"in_range": {"min": 0, "max": 9}}, [0, 9], 10),
        ("integer", {"in_range": {"min": 0}}, [0, 10**9], -1),
        ("double", {"in_range": {"max": 1.5}}, [-1e9, 1.5], 1.6),
        ("decimal(18,4)", {"in_range": {"min": 0}}, [Decimal("0.0000"), None], Decimal("-0.0001")),
        ("varchar", {"matches": {"pattern": "[A-Z]?[0-9]{4}"}}, ["A1234", "1234", None], "x1234"),
        ("varchar", {"matches": {"pattern": "[A-Z]?[0-9]{4}"}}, ["A1234"], "12345"),
        ("varchar", {"matches": {"pattern": "a|bc"}}, ["a", "bc"], "ac"),
        ("varchar", {"expect_column_values_to_match_regex": {"regex": "b+"}}, ["b", "abba"], "ac"),
        ("varchar", {"in_range": {"min": "b"}}, ["b", "c"], "a"),
        ("integer", {"accepted_values": {"values": [1, "2"]}}, [1, 2, None], 3),
        ("integer", {"in_range": {"min": 0.5}}, [1], 0),
        ("double", {"accepted_range": {"min_value": 0, "inclusive": False}}, [0.1], 0.0),
        ("bigint", {"accepted_range": {"max_value": 9}}, [9, 2**53 - 2**54], 2**53 + 1),
        (
            "decimal(18,4)",
            {"expect_column_values_to_be_between": {"min_value": 0, "max_value": 1}},
            [Decimal("0.0000"), Decimal("1.0000")],
            Decimal("1.0001"),
        ),
        ("decimal(18,4)", {"accepted_values": {"values": [2.5]}}, [Decimal("2.5000")], Decimal(3)),
        ("boolean", {"accepted_values": {"values": [True]}}, [True, None], False),
        ("date", {"in_range": {"min": "2024-03-01"}}, [date(2024, 3, 1)], date(2024, 2, 29)),
        (
            "timestamp",
            {"in_range": {"max": "2024-03-01 09:00"}},
            [datetime(2024, 3, 1, 9), None, datetime(1, 1, 1)],
            datetime(9999, 12, 31),
        ),
    ],
)
def test_every_rule_lets_good_values_pass_and_names_the_bad_one(
    declare, data_type: str, tests: dict, good: list, bad: object
) -> None:
    column = declare("value", data_type, tests=tests)
    [rule] = tests
    assert broken(column, good) == {}
    assert broken(column, [*good, bad, *good]) == {len(good): [f"value: {rule}"]}


SCHEMA = pa.schema(
    {
        "order": pa.string(), "sold_at": pa.timestamp("us"), "quantity": pa.int32(),
        "amount": pa.decimal128(18, 4), "customer": pa.string(), "channel": pa.string(),
        "_day": pa.date32(), "_delivery": pa.string(), "_file": pa.string(), "_line": pa.int64(),
        "_raw": pa.string(), "_reasons": pa.list_(pa.string()), "_line_hash": pa.string(),
    }
)  # fmt: skip


def batch(**changes) -> pa.RecordBatch:
    row = {
        "order": "1000", "sold_at": datetime(2024, 3, 1, 9), "quantity": 1,
        "amount": Decimal("2.5000"), "customer": "ann", "channel": "web", "_reasons": [],
        "_raw": json.dumps({"order": "1000", "amount": "2.50"}), "_day": date(2024, 3, 1),
        "_delivery": "d", "_file": "f", "_line": 1,
    }  # fmt: skip
    return pa.RecordBatch.from_pylist([{**row, **changes}], SCHEMA)


def validated(table, *batches: pa.RecordBatch, parents=NO_PARENTS) -> list[dict]:
    found = validator(table, KEY, parents)(iter(batches))
    return [row for batch in found for row in batch.to_pylist()]


def test_all_reasons_of_a_row_are_kept_at_once(sales) -> None:
    said = ["order: unique", "sold_at: of another day"]
    bad = batch(order="?", quantity=11, channel="fax", customer=None, _reasons=said)
    [row] = validated(sales(), bad)
    assert sorted(row["_reasons"]) == [
        "channel: accepted_values",
        "customer: not_null",
        "order: matches",
        "order: unique",
        "quantity: in_range",
        "sold_at: of another day",
    ]


def test_a_value_that_could_not_be_cast_has_one_reason_not_two(sales) -> None:
    bad = batch(amount=None, _reasons=["amount: not decimal(18,4)"])
    assert validated(sales(), bad)[0]["_reasons"] == ["amount: not decimal(18,4)"]


def test_a_good_row_keeps_no_fields_and_hides_its_customer(sales) -> None:
    [found] = validated(sales(), batch())
    assert found["_reasons"] == []
    assert found["_fields"] is None
    assert found["customer"] == pseudonyms(KEY)("ann")
    assert "_raw" not in found


def test_a_rejected_row_keeps_its_fields_with_the_customer_hashed(sales) -> None:
    [found] = validated(sales(), batch(channel="fax"))
    fields = json.loads(found["_fields"])
    assert fields == {"order": "1000", "amount": "2.50", "customer": pseudonyms(KEY)("ann")}
    assert "ann" not in found["_fields"]


def test_a_personal_value_that_is_not_of_its_type_is_kept_as_a_pseudonym_of_its_text(
    sales, declare
) -> None:
    customer = declare("customer", "integer", pii=True)
    table = sales(tuple(customer if c.name == "customer" else c for c in sales().columns))
    for value, kept in (("A7", pseudonyms(KEY)("A7")), (None, None)):
        raw = json.dumps({"order": "1000", "customer": value})
        [found] = validated(table, batch(customer=None, _raw=raw, _reasons=["customer: no"]))
        assert (found["customer"], json.loads(found["_fields"])["customer"]) == (None, kept)


def test_a_line_that_could_not_be_split_keeps_its_hash_and_one_reason_only(sales) -> None:
    torn = batch(order=None, _reasons=[UNSPLITTABLE], _line_hash="ab12", _raw="{}")
    [found] = validated(sales(), torn)
    assert (found["_reasons"], found["_fields"]) == ([UNSPLITTABLE], None)


def test_rows_of_several_batches_keep_their_own_reasons(sales) -> None:
    found = validated(sales(), batch(), batch(channel="fax"), batch())
    assert [row["_reasons"] for row in found] == [[], ["channel: accepted_values"], []]


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31), datetime(1, 1, 1)])
def test_a_time_of_any_year_passes_unchanged(sales, moment: datetime) -> None:
    [found] = validated(sales(), batch(sold_at=moment))
    assert (found["sold_at"], found["_reasons"]) == (moment, [])


def test_a_value_that_no_parent_has_is_rejected_by_its_pseudonym(sales, declare) -> None:
    related = {"relationships": {"to": "customers", "field": "id"}}
    customer = declare("customer", pii=True, tests=related)
    table = sales(tuple(customer if c.name == "customer" else c for c in sales().columns))
    keys = {("customers", "id"): frozenset([pseudonyms(KEY)("ann")])}
    rows = [batch(customer=name) for name in ("ann", "bob", None)]
    found = validated(table, *rows, parents=keys)
    assert [row["_reasons"] for row in found] == [[], ["customer: relationships"], []]
    assert found[1]["customer"] == pseudonyms(KEY)("bob")


def test_a_pseudonym_depends_on_value_and_key_only() -> None:
    ann = pseudonyms(KEY)("ann")
    assert re.fullmatch("[0-9a-f]{32}", ann)
    assert pseudonyms(KEY)("ann") == ann
    assert pseudonyms(KEY)("bob") != ann
    assert pseudonyms(b"another key")("ann") != ann
