import json
import re
from decimal import Decimal

import pandas as pd
import pytest

from declaration import RawTable
from ingestion.contract import UNSPLITTABLE, failures, pseudonyms, schema_of, validator

KEY = b"a key for tests"


def broken(column, values: list) -> dict:
    table = RawTable.model_construct(columns=(column,))
    return failures(schema_of(table), pd.DataFrame({column.name: values}))


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
    ],
)
def test_every_rule_lets_good_values_pass_and_names_the_bad_one(
    declare, data_type: str, tests: dict, good: list, bad: object
) -> None:
    column = declare("value", data_type, tests=tests)
    [rule] = tests
    assert broken(column, good) == {}
    assert broken(column, [*good, bad, *good]) == {len(good): [f"value: {rule}"]}


def batch(**changes) -> pd.DataFrame:
    row = {
        "order": "1000", "sold_at": pd.Timestamp("2024-03-01 09:00"), "quantity": 1,
        "amount": Decimal("2.5000"), "customer": "ann", "channel": "web", "_reasons": [],
        "_raw": json.dumps({"order": "1000", "amount": "2.50"}), "_line_hash": None,
    }  # fmt: skip
    return pd.DataFrame([{**row, **changes}])


def validated(table, *batches: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(validator(table, KEY)(iter(batches)), ignore_index=True)


def test_all_reasons_of_a_row_are_kept_at_once(sales) -> None:
    bad = batch(order="?", quantity=11, channel="fax", customer=None)
    [reasons] = validated(sales(), bad)["_reasons"]
    assert sorted(reasons) == [
        "channel: accepted_values",
        "customer: not_null",
        "order: matches",
        "quantity: in_range",
    ]


def test_a_value_that_could_not_be_cast_has_one_reason_not_two(sales) -> None:
    bad = batch(amount=None, _reasons=["amount: not decimal(18,4)"])
    assert validated(sales(), bad)["_reasons"].tolist() == [["amount: not decimal(18,4)"]]


def test_a_good_row_keeps_no_fields_and_hides_its_customer(sales) -> None:
    found = validated(sales(), batch()).iloc[0]
    assert found["_reasons"] == []
    assert found["_fields"] is None
    assert found["customer"] == pseudonyms(KEY)("ann")
    assert "_raw" not in found


def test_a_rejected_row_keeps_its_fields_with_the_customer_hashed(sales) -> None:
    found = validated(sales(), batch(channel="fax")).iloc[0]
    fields = json.loads(found["_fields"])
    assert fields == {"order": "1000", "amount": "2.50", "customer": pseudonyms(KEY)("ann")}
    assert "ann" not in found["_fields"]


def test_a_line_that_could_not_be_split_keeps_its_hash_and_one_reason_only(sales) -> None:
    torn = batch(order=None, _reasons=[UNSPLITTABLE], _line_hash="ab12", _raw="{}")
    found = validated(sales(), torn).iloc[0]
    assert (found["_reasons"], found["_fields"]) == ([UNSPLITTABLE], None)


def test_rows_of_several_batches_keep_their_own_reasons(sales) -> None:
    found = validated(sales(), batch(), batch(channel="fax"), batch())
    assert found["_reasons"].tolist() == [[], ["channel: accepted_values"], []]


def test_a_pseudonym_depends_on_value_and_key_only() -> None:
    ann = pseudonyms(KEY)("ann")
    assert re.fullmatch("[0-9a-f]{32}", ann)
    assert pseudonyms(KEY)("ann") == ann
    assert pseudonyms(KEY)("bob") != ann
    assert pseudonyms(b"another key")("ann") != ann
