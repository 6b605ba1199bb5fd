"""The contract of a raw table as a Pandera schema, and the check of one batch on an executor."""

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from declaration import Column, RawTable, Test
from ingestion.rules import PATTERNS, RANGES, Bounds, bounds_of, pattern_of, values_of

UNSPLITTABLE = "line: cannot be split into the contract's fields"
OWN = {  # columns beside the contract's, and their Spark types
    "_day": "date",
    "_delivery": "string",
    "_file": "string",
    "_line": "bigint",
    "_reasons": "array<string>",
    "_line_hash": "string",
    "_fields": "string",
}

Parents = Mapping[tuple[str, str], Collection[Any]]
NO_PARENTS: Parents = MappingProxyType({})
Batches = Iterator[pa.RecordBatch]


def not_typed(column: Column) -> str:
    """Return the reason of a value that is not of its column's type."""
    return f"{column.name}: not {column.data_type}"


def schema_of(table: RawTable) -> pandera.DataFrameSchema:
    """Build the Pandera schema of a table's typed columns.

    Uniqueness is Spark's, and relationships look at pseudonyms; neither is in the schema.
    """
    columns = {}
    for column in table.columns:
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
        schema.validate(frame, lazy=True)
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


def validator(
    table: RawTable, key: bytes, parents: Parents = NO_PARENTS
) -> Callable[[Batches], Batches]:
    """Return the function that Spark's executors map over batches of typed rows.

    In: the contract's columns, in order and under any names, then `_raw` (JSON of the fields, pii
    too) and what is in `OWN` but `_fields`. Out: the same columns, pii replaced by pseudonyms, and
    `OWN` with every broken rule in `_reasons`, and `_fields` for rejected rows only.

    parents: (table, column) → its keys.
    """

    names = [column.name for column in table.columns]

    def validate(batches: Batches) -> Batches:
        schema = schema_of(table)
        pseudonym = pseudonyms(key)
        for numbered in batches:
            batch = numbered.rename_columns([*names, *numbered.schema.names[len(names) :]])
            # years far from ours do not fit nanoseconds, and integers beside nulls no float
            frame = batch.to_pandas(coerce_temporal_nanoseconds=False, integer_object_nulls=True)
            reasons = [list(found) for found in frame["_reasons"]]
            broken = failures(schema, frame[frame["_line_hash"].isna()])
            for column in table.columns:
                if column.pii:
                    frame[column.name] = frame[column.name].map(pseudonym, na_action="ignore")
            for row, rules in [*broken.items(), *_orphans(table, frame, parents)]:
                reasons[row] += [rule for rule in rules if not _is_said(table, rule, reasons[row])]
            frame["_reasons"] = reasons
            frame["_fields"] = [
                _rejected(table, frame, row, pseudonym) if reasons[row] else None
                for row in frame.index
            ]
            yield _batch(table, frame, batch).rename_columns(
                [*numbered.schema.names[: len(names)], *OWN]
            )

    return validate


def pseudonyms(key: bytes) -> Callable[[Any], str]:
    """Return the keyed hash (HMAC-SHA256, 32 hex digits) that replaces a personal value."""

    @lru_cache(maxsize=100_000)
    def pseudonym(value: Any) -> str:
        return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:32]

    return pseudonym


def _orphans(
    table: RawTable, frame: pd.DataFrame, parents: Parents
) -> Iterator[tuple[Any, list[str]]]:
    """Yield the rows whose value is none of its parent's, with the broken rule."""
    for column in table.columns:
        for test in column.tests:
            if test.name == "relationships":
                keys = parents[test.arguments["to"], test.arguments["field"]]
                values = frame[column.name].dropna()
                for row in values.index[~values.isin(keys)]:
                    yield row, [f"{column.name}: relationships"]


def _is_said(table: RawTable, rule: str, reasons: list[str]) -> bool:
    """Return whether a value is missing only because it was not of its type."""
    said = {f"{c.name}: not_null" for c in table.columns if not_typed(c) in reasons}
    return rule in said


def _rejected(
    table: RawTable, frame: pd.DataFrame, row: Any, pseudonym: Callable[[Any], str]
) -> str | None:
    """Return a row's fields as JSON; of a personal value that is not of its type, of its text."""
    if not pd.isna(frame.at[row, "_line_hash"]):
        return None
    fields = json.loads(frame.at[row, "_raw"])
    for name in (column.name for column in table.columns if column.pii):
        text, value = fields.get(name), frame.at[row, name]
        fields[name] = value if not pd.isna(value) else None if text is None else pseudonym(text)
    return json.dumps(fields)


def _batch(table: RawTable, frame: pd.DataFrame, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with what has changed; everything else passes by pandas untouched."""
    changed = {
        "_reasons": pa.array(frame["_reasons"], pa.list_(pa.string())),
        "_fields": pa.array(frame["_fields"], pa.string()),
    }
    for column in table.columns:
        if column.pii:
            changed[column.name] = pa.array(frame[column.name], pa.string(), from_pandas=True)
    names = [*(column.name for column in table.columns), *OWN]
    arrays = [changed[name] if name in changed else batch.column(name) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names)
