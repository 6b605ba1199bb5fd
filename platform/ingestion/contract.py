"""The contract of a raw table as a Pandera schema, and the check of one batch on an executor."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pandas as pd
import pandera.pandas as pandera

from declaration import RawTable, Test

UNSPLITTABLE = "line: cannot be split into the header's fields"


def schema_of(table: RawTable) -> pandera.DataFrameSchema:
    """Build the Pandera schema of a table's typed columns; uniqueness is Spark's, not Pandera's."""
    columns = {}
    for column in table.columns:
        names = {test.name for test in column.tests}
        checks = [check_of(test) for test in column.tests if test.name in CHECKS]
        columns[column.name] = pandera.Column(nullable="not_null" not in names, checks=checks)
    return pandera.DataFrameSchema(columns, strict=False)


def in_range(arguments: dict[str, Any]) -> pandera.Check:
    """Bound a number or a text's order; either side may be open."""
    low, high = arguments.get("min"), arguments.get("max")
    if low is None:
        return pandera.Check.le(high)
    return pandera.Check.ge(low) if high is None else pandera.Check.in_range(low, high)


CHECKS: dict[str, Callable[[dict[str, Any]], pandera.Check]] = {
    "accepted_values": lambda arguments: pandera.Check.isin(arguments["values"]),
    "in_range": in_range,
    "matches": lambda arguments: pandera.Check.str_matches(rf"(?:{arguments['pattern']})\Z"),
}


def check_of(test: Test) -> pandera.Check:
    """Translate a dbt data test; its name is what a rejected row's reason says."""
    check = CHECKS[test.name](test.arguments)
    check.name = check.error = test.name
    return check


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


def validator(table: RawTable, key: bytes) -> Callable[[Iterator[pd.DataFrame]], Iterator[Any]]:
    """Return the function that Spark's executors map over batches of typed rows.

    In: the contract's columns and `_raw`, `_reasons`, `_line_hash`. Out: pii columns replaced by
    pseudonyms, every broken rule in `_reasons`, and `_fields` (JSON) for rejected rows only.
    """

    def validate(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        schema = schema_of(table)
        pseudonym = pseudonyms(key)
        for batch in batches:
            frame = batch.reset_index(drop=True)
            checkable = frame[frame["_line_hash"].isna()]
            reasons = [list(reasons) for reasons in frame["_reasons"]]
            for row, broken in failures(schema, checkable).items():
                known = {reason.split(":")[0] for reason in reasons[row]}
                reasons[row] += [r for r in broken if r.split(":")[0] not in known]
            for column in table.columns:
                if column.pii:
                    values = frame[column.name]
                    if column.data_type in ("integer", "bigint"):
                        # beside a missing value pandas reads 17 as 17.0
                        values = values.astype("Int64").astype(object)
                    frame[column.name] = values.map(pseudonym, na_action="ignore")
            frame["_reasons"] = reasons
            frame["_fields"] = [
                _fields(table, frame, row) if reasons[row] else None for row in frame.index
            ]
            yield frame.drop(columns="_raw")

    return validate


def pseudonyms(key: bytes) -> Callable[[Any], str]:
    """Return the keyed hash (HMAC-SHA256, 32 hex digits) that replaces a personal value."""

    @lru_cache(maxsize=100_000)
    def pseudonym(value: Any) -> str:
        return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:32]

    return pseudonym


def _fields(table: RawTable, frame: pd.DataFrame, row: int) -> str | None:
    if not pd.isna(frame.at[row, "_line_hash"]):
        return None
    raw = json.loads(frame.at[row, "_raw"])
    hidden = {c.name: frame.at[row, c.name] for c in table.columns if c.pii}
    return json.dumps({**raw, **{name: None if pd.isna(v) else v for name, v in hidden.items()}})
