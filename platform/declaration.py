"""What a dbt project declares, as typed values: raw tables and ML models.

They are read from dbt's manifest by `declared.py`.
"""

import difflib
import re
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, ValidationInfo, field_validator

from declared_base import Declared, Positive
from declared_learning import Gate, Retrain, Train, Trial
from ml.tasks import METRICS

if TYPE_CHECKING:
    from ml.task import Task

DATA_TYPES = {
    "varchar": "string",
    "integer": "int",
    "bigint": "bigint",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
}
DECIMAL = re.compile(r"decimal\((\d{1,2}),\s*(\d{1,2})\)")
MOST_OPTIONS = 40  # that a message lists


class Test(Declared):
    """One data test of a column, enforced on every row when a file is taken in."""

    name: str
    arguments: dict[str, Any]


class Column(Declared):
    """A column of a raw table: `data_type` is DuckDB's name, `aliases` are headers in files."""

    name: str
    data_type: str
    aliases: tuple[str, ...] = ()
    pii: bool = False
    tests: tuple[Test, ...] = ()

    @field_validator("data_type")
    @classmethod
    def known_type(cls, value: str) -> str:
        """Accept the types that Spark, DuckDB and Pandera share."""
        value = value.lower()
        decimal = DECIMAL.fullmatch(value)
        if value not in DATA_TYPES and not decimal:
            raise ValueError(f"use one of {', '.join(DATA_TYPES)}, decimal(p,s)")
        if decimal and not int(decimal[2]) <= int(decimal[1]) <= 38:
            raise ValueError("decimal(p,s) has at most 38 digits p, s of them after the point")
        return value

    @property
    def spark_type(self) -> str:
        """Spark's name of the type."""
        return DATA_TYPES.get(self.data_type, self.data_type)

    @property
    def stored_type(self) -> str:
        """DuckDB's name of the type in the lake: a pseudonym is text, whatever it hides."""
        return "varchar" if self.pii else self.data_type

    @property
    def is_number(self) -> bool:
        """Whether the audit looks at this column's median."""
        numbers = ("integer", "bigint", "double", "decimal")
        return not self.pii and self.data_type.startswith(numbers)


class Ingest(Declared):
    """Where a raw table's files land and what is expected of them (`config.meta.ingest`)."""

    path: str
    format: Literal["csv", "json", "parquet"] = "csv"
    event_time: str | None = None
    timezone: str = "UTC"
    start: date | None = None
    on_missing: Literal["empty", "fail"] = "empty"
    max_reject_rate: float = Field(default=0.02, ge=0, le=1)
    max_line_bytes: int = Field(default=1 << 20, ge=1, le=1 << 24)

    @field_validator("timezone")
    @classmethod
    def known_timezone(cls, value: str) -> str:
        """A misspelt clock would cut days elsewhere, or stop the code location without a place."""
        if value not in available_timezones():
            raise ValueError(choose(value, sorted(available_timezones())))
        return value

    @field_validator("path")
    @classmethod
    def names_the_day(cls, value: str) -> str:
        """A path without the day would be read again for every partition."""
        if "{partition}" not in value:
            raise ValueError("put {partition} where the day (YYYY-MM-DD) stands in the path")
        try:
            value.format(landing="", partition="")
        except (KeyError, IndexError, ValueError) as error:
            fix = "only {landing} and {partition} are filled in; write {{ and }} for braces"
            raise ValueError(f"{error}: {fix}") from None
        if "*" in value or "?" in value:
            raise ValueError("a day has one file: join its parts before they land")
        return value


class RawTable(Declared):
    """A raw table: grain one row per line of a landing file."""

    name: str
    db_schema: str
    unique_id: str
    file: str
    checksum: str
    ingest: Ingest
    columns: tuple[Column, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        """Raw tables whose keys this one's rows are checked against (`relationships`)."""
        tests = (test for column in self.columns for test in column.tests)
        return tuple(sorted({t.arguments["to"] for t in tests if t.name == "relationships"}))


class StoredColumn(Declared):
    """A column of a features or labels table, with the tests that every row has to pass."""

    name: str
    data_type: str
    not_null: bool = False
    tests: tuple[Test, ...] = ()


class Features(Declared):
    """The features table of a model, one row per entity and day."""

    table: str
    exclude: tuple[str, ...] = ()


class Label(Declared):
    """The labels table; `horizon_days` is how long a label takes to mature.

    classes: of a multiclass label, in the order in which their probabilities are told.
    """

    table: str
    column: str
    horizon_days: Positive
    classes: tuple[str, ...] = ()

    @field_validator("classes", mode="before")
    @classmethod
    def distinct_text_or_integers(cls, value: Any) -> tuple[str, ...]:
        """They are compared as text, and name columns, which know no capitals."""
        known = [each for each in value if type(each) in (str, int)]
        if len(known) < len(value) or len({str(each).lower() for each in known}) < len(value):
            raise ValueError(
                "name each class once, as text or an integer; capitals do not tell two apart, and "
                "YAML reads yes and no as true and false: quote them"
            )
        return tuple(map(str, known))


class Drift(Declared):
    """How drift is watched: `window_days` of current rows against the champion's training rows."""

    window_days: Positive = 7


class Meta(Declared):
    """`config.meta.model` of an exposure."""

    task: Literal["binary", "multiclass", "regression"]
    entity: str
    time: str
    features: Features
    label: Label
    train: Train = Train()
    gate: Gate = Field(default=Gate(), validate_default=True)
    drift: Drift = Drift()
    retrain: Retrain = Retrain()
    trial: Trial = Trial()

    @field_validator("gate")
    @classmethod
    def metric_of_the_task(cls, value: Gate, info: ValidationInfo) -> Gate:
        """Fill in what the task is judged by; another one is refused by `declared`."""
        metric = value.metric or METRICS.get(info.data.get("task", ""))
        return value.model_copy(update={"metric": metric})

    @property
    def target(self) -> "Task":
        """What is predicted."""
        from ml.task import task_of

        return task_of(self.task, self.label.classes)


class MlModel(Meta):
    """One ML model, declared by one dbt exposure; upstream: dbt's unique ids, nearest first."""

    name: str
    file: str
    owner: str
    description: str = ""
    features_schema: str
    label_schema: str
    features_checksum: str
    label_checksum: str
    feature_columns: tuple[StoredColumn, ...] = ()
    label_columns: tuple[StoredColumn, ...] = ()
    features_upstream: tuple[str, ...] = ()
    label_upstream: tuple[str, ...] = ()


class Declaration(Declared):
    """All that one dbt project declares."""

    tables: tuple[RawTable, ...]
    models: tuple[MlModel, ...]

    @property
    def start(self) -> date | None:
        """Earliest declared day, or None where no table names one."""
        starts = [table.ingest.start for table in self.tables if table.ingest.start]
        return min(starts, default=None)


def choose(value: str, allowed: Iterable[str]) -> str:
    """Return the fix for a name that is not among `allowed`: the closest one, and all if few."""
    options = list(allowed)
    close = difflib.get_close_matches(value, options, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if len(options) > MOST_OPTIONS:
        return f"{hint}no such name among {len(options)}"
    return f"{hint}choose from {', '.join(options) or 'nothing declared yet'}"
