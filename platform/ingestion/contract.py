"""The contract of a raw table as a Pandera schema, and the check of one batch on an executor."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from declaration import Column, RawTable, Test
from ingestion.rules import PATTERNS, RANGES, Bounds, bounds_of, pattern_of, values_of

UNSPLITTABLE = "line: cannot be split into the contract's fields"
# Columns beside the contract's.
OWN = (
    "_day",
    "_file",
    "_line",
    "_reasons",
    "_line_hash",
    "_fields",
    "_rejected",
)

Parents = Mapping[tuple[str, str], Collection[Any]]
NO_PARENTS: Parents = MappingProxyType({})
Batches = Iterator[tuple[pa.Array, ...]]
Rules = Iterator[pa.Array]


def not_typed(column: Column) -> str:
    """Return the reason of a value that is not of its column's type."""
    return f"{column.name}: not {column.data_type}"


def examined(table: RawTable) -> list[Column]:
    """Return the columns that executors look at: with a rule for one value, or personal."""
    rules = {c.name for c in table.columns if any(test.name != "unique" for test in c.tests)}
    return [column for column in table.columns if column.pii or column.name in rules]


def schema_of(table: RawTable) -> pandera.DataFrameSchema:
    """Build the Pandera schema of a table's typed columns, those that have a rule.

    Uniqueness is Spark's, and relationships look at pseudonyms; neither is in the schema.
    """
    columns = {}
    for column in examined(table):
        checks = [check for test in column.tests if (check := check_of(test, column.data_type))]
        nullable = all(test.name != "not_null" for test in column.tests)
        columns[column.name] = pandera.Column(nullable=nullable, checks=checks)
    return pandera.DataFrameSchema(columns, strict=False)


def check_of(test: Test, data_type: str) -> pandera.Check | None:
    """Return the check of a data test, named as the reason of a rejected row will say.

    None for tests that are not about one value.
    """
    if test.name == "accepted_values":
        check = pandera.Check.isin(values_of(test, data_type))
    elif test.name in RANGES:
        check = _range_check(bounds_of(test, data_type))
    elif test.name in PATTERNS:
        check = pandera.Check.str_contains(pattern_of(test, data_type))
    else:
        return None
    check.name = check.error = test.name
    return check


def _range_check(bounds: Bounds) -> pandera.Check:
    low, high, strict = bounds
    if low is None:
        return pandera.Check.lt(high) if strict else pandera.Check.le(high)
    if high is None:
        return pandera.Check.gt(low) if strict else pandera.Check.ge(low)
    return pandera.Check.in_range(low, high, include_min=not strict, include_max=not strict)


def failures(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> dict[Any, list[str]]:
    """Return every broken rule by row label, e.g. `{17: ["price: not_null"]}`."""
    try:
        schema.validate(frame, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].isna().any():
            raise  # a rule that cannot even be applied is a mistake in the contract, not in a row
        found: dict[Any, list[str]] = {}
        for row, column, check in zip(cases["index"], cases["column"], cases["check"], strict=True):
            rule = "not_null" if check == "not_nullable" else str(check)
            found.setdefault(row, []).append(f"{column}: {rule}")
        return found
    return {}


def judge(table: RawTable, key: bytes, parents: Parents = NO_PARENTS) -> Callable[[Batches], Rules]:
    """Return the function that Spark's executors map over batches of typed values.

    In: the values of each `examined` column, then of each personal one the text of values that are
    not of its type. Out: a struct of `rules`, the broken ones of a row or null, and of `hidden_0`,
    `hidden_1`, ..., the personal columns' pseudonyms.

    parents: (table, column) → its keys.
    """
    columns = examined(table)
    personal = [column.name for column in columns if column.pii]
    fields = ["rules", *(f"hidden_{number}" for number in range(len(personal)))]

    def judged(batches: Batches) -> Rules:
        schema, pseudonym = schema_of(table), pseudonyms(key)
        for arrays in batches:
            values = dict(zip((c.name for c in columns), arrays, strict=False))
            untyped = dict(zip(personal, arrays[len(columns) :], strict=True))
            hidden = {name: _hidden(values[name], pseudonym) for name in personal}
            frame = pd.DataFrame({c.name: in_pandas(values[c.name], c.tests) for c in columns})
            rules: list[list[str] | None] = [None] * len(frame)
            broken = failures(schema, frame)
            for row, found in [*broken.items(), *_orphans(table, {**values, **hidden}, parents)]:
                rules[row] = [*(rules[row] or []), *found]
            kept = [pc.coalesce(hidden[n], _hidden(untyped[n], pseudonym)) for n in personal]
            yield pa.StructArray.from_arrays(
                [pa.array(rules, pa.list_(pa.string())), *kept], fields
            )

    return judged


def in_pandas(values: pa.Array, tests: Collection[Test]) -> pd.Series:
    """Return values as Pandera's checks take them.

    Repeated texts are looked at once; only where they are compared by order each is on its own.
    Everything else stays Arrow's: years far from ours do not fit pandas' nanoseconds, integers
    beside nulls no float, and decimals would be objects.
    """
    if not pa.types.is_string(values.type):
        return pd.Series(values, dtype=pd.ArrowDtype(values.type))
    if any(test.name in RANGES for test in tests):
        return values.to_pandas()
    return values.dictionary_encode().to_pandas()


def pseudonyms(key: bytes) -> Callable[[Any], str]:
    """Return the keyed hash (HMAC-SHA256, 32 hex digits) that replaces a personal value."""

    @lru_cache(maxsize=100_000)
    def pseudonym(value: Any) -> str:
        return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:32]

    return pseudonym


def _hidden(values: pa.Array, pseudonym: Callable[[Any], str]) -> pa.Array:
    """Return the pseudonyms of values, null where there is none."""
    different = values.dictionary_encode()
    names = [pseudonym(value) for value in different.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(different.indices)


def _orphans(
    table: RawTable, values: Mapping[str, pa.Array], parents: Parents
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows whose value is none of its parent's, with the broken rule."""
    for column in table.columns:
        for test in column.tests:
            if test.name == "relationships":
                keys = parents[test.arguments["to"], test.arguments["field"]]
                given = values[column.name].to_pandas(integer_object_nulls=True).dropna()
                for row in given.index[~given.isin(keys)]:
                    yield row, [f"{column.name}: relationships"]
