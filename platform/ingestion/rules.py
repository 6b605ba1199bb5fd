"""The data tests that can be enforced on every row, and what their arguments mean.

Beside dbt's own and this project's, the tests of dbt_utils and dbt_expectations that say the same.
"""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from declaration import Test, choose

RANGES = {
    "in_range": ("min", "max"),
    "accepted_range": ("min_value", "max_value"),
    "expect_column_values_to_be_between": ("min_value", "max_value"),
}
PATTERNS = {"matches": "pattern", "expect_column_values_to_match_regex": "regex"}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "not_null": (),
    "unique": (),
    "accepted_values": ("values", "quote"),  # quote is about SQL; values have their column's type
    "relationships": ("to", "field"),
    **RANGES,
    "accepted_range": (*RANGES["accepted_range"], "inclusive"),
    "expect_column_values_to_be_between": (
        *RANGES["expect_column_values_to_be_between"],
        "strictly",
    ),
    **{name: (argument,) for name, argument in PATTERNS.items()},
}


class Bounds(NamedTuple):
    """A range of values of a column's type; an open end is None."""

    low: Any
    high: Any
    strict: bool


def require_sound(test: Test, data_type: str) -> None:
    """Raise ValueError, with the fix, where a test cannot be applied to a column of this type."""
    for name in test.arguments:
        if name not in ARGUMENTS[test.name]:
            raise ValueError(f"argument {name!r}: {choose(name, ARGUMENTS[test.name])}")
    if test.name == "accepted_values":
        values_of(test, data_type)
    elif test.name in RANGES:
        bounds_of(test, data_type)
    elif test.name in PATTERNS:
        pattern_of(test, data_type)


def values_of(test: Test, data_type: str) -> list[Any]:
    """Return the accepted values, as values of the column's type."""
    values = test.arguments.get("values")
    if not isinstance(values, list) or not values:
        raise ValueError("list the accepted values")
    return [typed(value, data_type) for value in values]


def pattern_of(test: Test, data_type: str) -> str:
    """Return a regular expression, to be searched for in a text."""
    pattern = str(test.arguments.get(PATTERNS[test.name], ""))
    if data_type != "varchar":
        raise ValueError(f"the column is {data_type}: only a varchar matches a pattern")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    # this project's macro looks at the whole value, dbt_expectations at any part of it
    return rf"\A(?:{pattern})\Z" if test.name == "matches" else pattern


def bounds_of(test: Test, data_type: str) -> Bounds:
    """Return the bounds that a range test declares, as values of the column's type."""
    given = [test.arguments.get(name) for name in RANGES[test.name]]
    if given == [None, None]:
        raise ValueError(f"say {' or '.join(RANGES[test.name])}, or both")
    if data_type == "boolean":
        raise ValueError("a boolean has no range: use accepted_values")
    low, high = (None if value is None else bound(value, data_type) for value in given)
    if low is not None and high is not None and low > high:
        raise ValueError(f"from {low} to {high}: no value could pass")
    closed = test.arguments.get("inclusive", True) and not test.arguments.get("strictly", False)
    return Bounds(low, high, strict=not closed)


def bound(value: Any, data_type: str) -> Any:
    """Return one end of a range; an integer column may have a bound with decimals."""
    if data_type in ("integer", "bigint"):
        number = typed(value, "decimal")
        return int(number) if number == int(number) else float(number)
    if data_type == "varchar" and not isinstance(value, str):
        raise ValueError(f"{value!r} is no text, and texts are compared letter by letter")
    return typed(value, data_type)


def typed(value: Any, data_type: str) -> Any:
    """Return a declared value as executors see the values of a column; raises ValueError."""
    kind = data_type.split("(")[0]
    if isinstance(value, bool) != (kind == "boolean") or value is None:
        raise ValueError(f"{value!r} is no {data_type}: put a text between quotation marks")
    try:
        return TYPES[kind](value)
    except (TypeError, ValueError, InvalidOperation):
        raise ValueError(f"{value!r} is no {data_type}") from None


def _finite(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError
    return number


TYPES: dict[str, Any] = {
    "varchar": str,
    "integer": lambda value: int(str(value)),
    "bigint": lambda value: int(str(value)),
    "double": lambda value: float(_finite(value)),
    "decimal": _finite,
    "boolean": bool,
    "date": lambda value: date.fromisoformat(str(value)),
    "timestamp": lambda value: datetime.fromisoformat(str(value)).replace(tzinfo=None),
}
