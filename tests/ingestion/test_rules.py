import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from declaration import Test as DataTest
from ingestion.rules import Bounds, bounds_of, pattern_of, require_sound, values_of


def rule(name: str, **arguments: Any) -> DataTest:
    return DataTest(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("data_type", "given", "values"),
    [
        ("varchar", ["a", "1"], ["a", "1"]),
        ("varchar", [1, 2], ["1", "2"]),
        ("integer", [1, "2"], [1, 2]),
        ("decimal(18,4)", [0.1, "2.50"], [Decimal("0.1"), Decimal("2.5")]),
        ("double", [1, "2.5"], [1.0, 2.5]),
        ("boolean", [True], [True]),
        ("date", ["2024-03-01"], [date(2024, 3, 1)]),
        ("timestamp", ["2024-03-01 09:00"], [datetime(2024, 3, 1, 9)]),
    ],
)
def test_accepted_values_are_values_of_the_column(
    data_type: str, given: list, values: list
) -> None:
    test = rule("accepted_values", values=given, quote=False)
    require_sound(test, data_type)
    assert values_of(test, data_type) == values


@pytest.mark.parametrize(
    ("test", "data_type", "bounds"),
    [
        (rule("in_range", min=0, max=9.5), "integer", Bounds(0, 9.5, strict=False)),
        (rule("in_range", min=0), "decimal(18,4)", Bounds(Decimal(0), None, strict=False)),
        (rule("in_range", max="2024-03-01"), "date", Bounds(None, date(2024, 3, 1), strict=False)),
        (rule("in_range", min="a", max="b"), "varchar", Bounds("a", "b", strict=False)),
        (rule("accepted_range", min_value=0), "double", Bounds(0.0, None, strict=False)),
        (
            rule("accepted_range", min_value=0, max_value=1, inclusive=False),
            "double",
            Bounds(0.0, 1.0, strict=True),
        ),
        (
            rule("expect_column_values_to_be_between", max_value=5, strictly=True),
            "bigint",
            Bounds(None, 5, strict=True),
        ),
    ],
)
def test_a_range_has_bounds_of_its_column(test: DataTest, data_type: str, bounds: Bounds) -> None:
    require_sound(test, data_type)
    assert bounds_of(test, data_type) == bounds


def test_a_pattern_is_of_the_whole_value_or_of_a_part_as_its_test_says() -> None:
    assert pattern_of(rule("matches", pattern="a|b"), "varchar") == r"\A(?:a|b)\Z"
    partly = rule("expect_column_values_to_match_regex", regex="a|b")
    assert pattern_of(partly, "varchar") == "a|b"


@pytest.mark.parametrize(
    ("test", "data_type", "fix"),
    [
        (rule("accepted_values", values=["a"]), "integer", "'a' is no integer"),
        (rule("accepted_values", values=[1.5]), "bigint", "1.5 is no bigint"),
        (rule("accepted_values", values=[True]), "varchar", "put a text between quotation marks"),
        (rule("accepted_values", values=[]), "varchar", "list the accepted values"),
        (rule("accepted_values", values=None), "varchar", "list the accepted values"),
        (rule("accepted_values", values=[None]), "varchar", "None is no varchar"),
        (rule("in_range"), "integer", "say min or max, or both"),
        (rule("in_range", mn=1), "integer", "did you mean 'min'?"),
        (rule("in_range", min="NaN"), "double", "'NaN' is no double"),
        (rule("in_range", min=5), "varchar", "5 is no text"),
        (rule("in_range", min="current_date"), "date", "'current_date' is no date"),
        (rule("in_range", min=True), "integer", "True is no"),
        (rule("in_range", min=1, max=0), "integer", "no value could pass"),
        (rule("in_range", min=0), "boolean", "a boolean has no range"),
        (rule("matches", pattern="["), "varchar", "is no regular expression"),
        (rule("matches", pattern="a"), "integer", "only a varchar matches a pattern"),
        (rule("not_null", row_condition="x"), "varchar", "argument 'row_condition'"),
    ],
)
def test_a_test_that_could_not_be_applied_is_told_how(
    test: DataTest, data_type: str, fix: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(fix)):
        require_sound(test, data_type)
