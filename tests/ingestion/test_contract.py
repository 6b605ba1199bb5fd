import re
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from declaration import RawTable
from ingestion.contract import (
    NO_PARENTS,
    examined,
    failures,
    in_pandas,
    judge,
    pseudonyms,
    schema_of,
)

KEY = b"a key for tests"


def broken(column, values: list) -> dict:
    table = RawTable.model_construct(columns=(column,))
    kinds = {"timestamp": pa.timestamp("us"), "bigint": pa.int64(), "double": pa.float64()}
    given = pa.array(values, kinds.get(column.data_type))
    frame = pd.DataFrame({column.name: in_pandas(given, column.tests)})
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


TYPES = {
    "sold_at": pa.timestamp("us"),
    "quantity": pa.int32(),
    "amount": pa.decimal128(18, 4),
}
SALE = {
    "order": "1000", "sold_at": datetime(2024, 3, 1, 9), "quantity": 1,
    "amount": Decimal("2.5000"), "customer": "ann", "channel": "web",
}  # fmt: skip


def judged(table, *sales: dict, untyped: str | None = None, parents=NO_PARENTS) -> list[dict]:
    """What executors say of sales that differ from SALE, one batch each."""
    batches = []
    for changes in sales:
        sale = {**SALE, **changes}
        arrays = [pa.array([sale[c.name]], TYPES.get(c.name, pa.string())) for c in examined(table)]
        batches.append((*arrays, pa.array([untyped], pa.string())))
    found = judge(table, KEY, parents)(iter(batches))
    return [row for rows in found for row in rows.to_pylist()]


def test_all_rules_that_a_row_breaks_are_told_at_once(sales) -> None:
    [row] = judged(sales(), {"order": "?", "quantity": 11, "channel": "fax", "customer": None})
    assert sorted(row["rules"]) == [
        "channel: accepted_values",
        "customer: not_null",
        "order: matches",
        "quantity: in_range",
    ]


def test_a_good_row_breaks_no_rule_and_hides_its_customer(sales) -> None:
    assert judged(sales(), {}) == [{"rules": None, "hidden_0": pseudonyms(KEY)("ann")}]


def test_a_personal_value_that_is_not_of_its_type_gets_a_pseudonym_of_its_text(sales) -> None:
    for text, hidden in (("A7", pseudonyms(KEY)("A7")), (None, None)):
        [found] = judged(sales(), {"customer": None}, untyped=text)
        assert found["hidden_0"] == hidden


def test_rows_of_several_batches_keep_their_own_rules(sales) -> None:
    found = judged(sales(), {}, {"channel": "fax"}, {})
    assert [row["rules"] for row in found] == [None, ["channel: accepted_values"], None]


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31), datetime(1, 1, 1)])
def test_a_time_of_any_year_breaks_no_rule(sales, moment: datetime) -> None:
    assert judged(sales(), {"sold_at": moment})[0]["rules"] is None


def test_a_value_that_no_parent_has_is_found_by_its_pseudonym(sales, declare) -> None:
    related = {"relationships": {"to": "customers", "field": "id"}}
    customer = declare("customer", pii=True, tests=related)
    table = sales(tuple(customer if c.name == "customer" else c for c in sales().columns))
    keys = {("customers", "id"): frozenset([pseudonyms(KEY)("ann")])}
    rows = [{"customer": name} for name in ("ann", "bob", None)]
    found = judged(table, *rows, parents=keys)
    assert [row["rules"] for row in found] == [None, ["customer: relationships"], None]
    assert found[1]["hidden_0"] == pseudonyms(KEY)("bob")


def test_a_pseudonym_depends_on_value_and_key_only() -> None:
    ann = pseudonyms(KEY)("ann")
    assert re.fullmatch("[0-9a-f]{32}", ann)
    assert pseudonyms(KEY)("ann") == ann
    assert pseudonyms(KEY)("bob") != ann
    assert pseudonyms(b"another key")("ann") != ann
