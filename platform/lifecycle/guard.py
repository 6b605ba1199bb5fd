"""Pandera before training and scoring: rows keep what their dbt models declare, or are refused.

dbt has tested every partition already; here it is seen that what is about to be learned from or
scored is still that: types, not null, the columns' data tests, one row per entity and day, no
infinity, labels that the task knows, and the columns and types that a version has learned from.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from declaration import MlModel, StoredColumn, Test
from errors import UnsoundRowsError
from ml.task import Task
from resources.lake import stored_type

UNIQUE = "one row per entity and day"


@dataclass(frozen=True)
class Violation:
    """A rule that rows break: where, how often, on which days, and the first row's key."""

    column: str
    rule: str
    rows: int
    first: str
    days: tuple[date, ...]

    def __str__(self) -> str:
        return f"{self.column} breaks {self.rule} in {self.rows:,} rows, the first is {self.first}"


def require_sound(rows: pa.Table, model: MlModel) -> None:
    """Raise UnsoundRowsError where training rows (features and label) break a declared rule."""
    found = violations(rows, model)
    if found:
        raise UnsoundRowsError(
            f"{model.name}: {'; '.join(map(str, found))}: repair {model.features.table} or "
            f"{model.label.table} in dbt and build these days again, or correct the rule; nothing "
            "was trained"
        )


def refused_days(
    rows: pa.Table, model: MlModel, learned: Mapping[str, str], version: int
) -> dict[date, str]:
    """Return the days whose feature rows a version must not score, and why.

    learned: column → DuckDB type of what the version was trained on; empty where it is not known.
    """
    days = pc.unique(rows[model.time]).to_pylist()
    changed = changed_columns(types_of(rows), learned)
    if changed:
        why = f"{model.name} version {version} cannot score {model.features.table}: {changed}"
        return dict.fromkeys(days, f"{why}: restore the column in dbt, or train a new version")
    found = violations(rows, model)
    reasons = {
        day: "; ".join(str(v) for v in found if day in v.days)
        for day in sorted({day for violation in found for day in violation.days})
    }
    return {
        day: f"{why}: repair {model.features.table} in dbt and build the day again"
        for day, why in reasons.items()
    }


def changed_columns(types: Mapping[str, str], learned: Mapping[str, str]) -> str:
    """Return in words which columns are not as a version knows them, empty where all are."""
    return ", ".join(
        f"it learned from {name} as {kind}, which is {types.get(name, 'gone')} now"
        for name, kind in learned.items()
        if types.get(name) != kind
    )


def rows_without(rows: pa.Table, time: str, days: Collection[date]) -> pa.Table:
    """Return the rows of all other days."""
    if not days:
        return rows
    refused = pc.is_in(rows[time], value_set=pa.array(list(days), rows[time].type))
    return rows.filter(pc.invert(refused))


def violations(rows: pa.Table, model: MlModel) -> list[Violation]:
    """Return every broken rule of features, and of the label where `rows` have it.

    Columns that the declaration does not list are only looked at for infinity.
    """
    columns = {c.name: c for c in (*model.label_columns, *model.feature_columns)}
    types = types_of(rows)
    every_day = tuple(pc.unique(rows[model.time]).to_pylist())
    wrong = [
        Violation(name, f"type {stored_type(column.data_type)}", rows.num_rows, found, every_day)
        for name, column in columns.items()
        if (found := types.get(name, "gone")) != stored_type(column.data_type)
        and (name in types or name not in {c.name for c in model.label_columns})
    ]
    if wrong:
        return wrong
    return [] if not rows.num_rows else _broken(rows, model, schema_of(rows, model, columns))


def schema_of(
    rows: pa.Table, model: MlModel, columns: Mapping[str, StoredColumn]
) -> pandera.DataFrameSchema:
    """Build the Pandera schema of the columns that `rows` have."""
    keys = (model.entity, model.time, model.label.column)
    found = {}
    for field in rows.schema:
        declared = columns.get(field.name)
        checks = [check_of(test) for test in declared.tests] if declared else []
        if kinds.is_floating(field.type):
            checks.append(pandera.Check(is_finite, name="finite", error="finite"))
        if field.name == model.label.column:
            task = f"label of {model.task}"
            checks.append(pandera.Check(is_label(model.target), name=task, error=task))
        required = field.name in keys or (declared is not None and declared.not_null)
        found[field.name] = pandera.Column(nullable=not required, checks=checks)
    return pandera.DataFrameSchema(found, unique=[model.entity, model.time])


def is_label(task: Task) -> Callable[[pd.Series], pd.Series]:
    """Return the check of which values are labels of a task."""

    def check(values: pd.Series) -> pd.Series:
        column = pa.array(values)
        known = task.known(task.read(column)) if task.takes(column.type) else False
        return pd.Series(known, index=values.index)

    return check


def is_finite(values: pd.Series) -> pd.Series:
    """Return which values are neither infinite nor NaN."""
    return pd.Series(pc.is_finite(pa.array(values)).to_pandas(), index=values.index)


def in_range(arguments: Mapping[str, Any]) -> pandera.Check:
    """Bound a number; either side may be open."""
    low, high = arguments.get("min"), arguments.get("max")
    if low is None:
        return pandera.Check.le(high)
    return pandera.Check.ge(low) if high is None else pandera.Check.in_range(low, high)


def matches(arguments: Mapping[str, Any]) -> pandera.Check:
    """Match whole values."""
    pattern = arguments["pattern"]
    return pandera.Check(lambda values: values.str.fullmatch(pattern))


CHECKS: dict[str, Callable[[Mapping[str, Any]], pandera.Check]] = {
    "accepted_values": lambda arguments: pandera.Check.isin(arguments["values"]),
    "in_range": in_range,
    "matches": matches,
}


def check_of(test: Test) -> pandera.Check:
    """Translate a dbt data test."""
    check = CHECKS[test.name](test.arguments)
    bounds = ", ".join(f"{name} {value}" for name, value in test.arguments.items())
    check.name = check.error = f"{test.name} ({bounds})"
    return check


def types_of(rows: pa.Table) -> dict[str, str]:
    """Return DuckDB's type of every column."""
    described = duckdb.from_arrow(rows.slice(0, 0))
    return dict(zip(described.columns, map(str, described.types), strict=True))


def _broken(rows: pa.Table, model: MlModel, schema: pandera.DataFrameSchema) -> list[Violation]:
    """Validate all at once; decimals are compared as doubles, which is fast and close enough."""
    plain = pa.table(
        {
            name: column.cast(pa.float64()) if kinds.is_decimal(column.type) else column
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        }
    )
    try:
        schema.validate(plain.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].isna().any():
            raise  # a rule that cannot be applied is a mistake in the declaration, not in a row
        grouped = cases.groupby(["column", "check"], sort=True)["index"]
        return _violations(rows, model, {key: sorted(set(found)) for key, found in grouped})
    return []


def _violations(
    rows: pa.Table, model: MlModel, places: Mapping[tuple[str, str], list[int]]
) -> list[Violation]:
    found: dict[tuple[str, str], Violation] = {}
    for (column, check), places_of in places.items():
        unique = check == "multiple_fields_uniqueness"
        name, rule = (f"{model.entity}, {model.time}", UNIQUE) if unique else (column, _rule(check))
        days = pc.unique(rows[model.time].take(places_of)).to_pylist()
        entity, day = (rows[key][places_of[0]].as_py() for key in (model.entity, model.time))
        first = f"{model.entity} {entity} on {day}"
        found[name, rule] = Violation(name, rule, len(places_of), first, tuple(sorted(days)))
    return list(found.values())


def _rule(check: str) -> str:
    return "not_null" if check == "not_nullable" else check
