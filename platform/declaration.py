"""What the dbt project declares, as typed values: raw tables and ML models.

Source: dbt's manifest. A table is a dbt source table with `config.meta.ingest`; a model is an
exposure of `type: ml` with `config.meta.model`. Every mistake raises DeclarationError with file,
key, value and fix, when the code location loads.
"""

import difflib
import re
from collections.abc import Mapping
from datetime import date
from hashlib import md5, sha256
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from errors import DeclarationError

DATA_TYPES = {
    "varchar": "string",
    "integer": "int",
    "bigint": "bigint",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp_ntz",
}
DECIMAL = re.compile(r"decimal\(\d{1,2},\s*\d{1,2}\)")
ROW_TESTS = ("not_null", "accepted_values", "in_range", "matches", "unique")
MOST_OPTIONS = 40  # that a message lists
T = TypeVar("T", bound=BaseModel)
Positive = Annotated[int, Field(ge=1)]


class Declared(BaseModel):
    """Base of all declarations: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
        if value not in DATA_TYPES and not DECIMAL.fullmatch(value):
            raise ValueError(f"use one of {', '.join(DATA_TYPES)}, decimal(p,s)")
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
    format: Literal["csv"] = "csv"
    event_time: str | None = None
    timezone: str = "UTC"
    start: date | None = None
    on_missing: Literal["empty", "fail"] = "empty"
    max_reject_rate: float = Field(default=0.02, ge=0, le=1)

    @field_validator("timezone")
    @classmethod
    def known_timezone(cls, value: str) -> str:
        """A misspelt clock would cut days elsewhere, or stop the code location without a place."""
        if value not in available_timezones():
            raise ValueError(_choose(value, sorted(available_timezones())))
        return value

    @field_validator("path")
    @classmethod
    def names_the_day(cls, value: str) -> str:
        """A path without the day would be read again for every partition."""
        if "{partition}" not in value:
            raise ValueError("put {partition} where the day (YYYY-MM-DD) stands in the path")
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


class Features(Declared):
    """The features table of a model, one row per entity and day."""

    table: str
    exclude: tuple[str, ...] = ()


class Label(Declared):
    """The labels table; `horizon_days` is how long a label takes to mature."""

    table: str
    column: str
    horizon_days: Positive


class Train(Declared):
    """How a candidate is trained; days are as_of days, `window_days` is a maximum."""

    window_days: Positive = 365
    every_days: Positive = 7
    min_rows: Positive = 5000
    estimator: Literal["tabular"] = "tabular"
    seed: int = 7


class Gate(Declared):
    """What a candidate is judged by before it goes live."""

    metric: Literal["log_loss"] = "log_loss"
    test_days: Positive = 14
    min_rows: Positive = 500
    slices: tuple[str, ...] = ()


class Drift(Declared):
    """How drift is watched: `window_days` of current rows against the champion's training rows."""

    window_days: Positive = 7


class Retrain(Declared):
    """When a failed check leads to training; a cooldown defers, never drops."""

    cooldown_days: Positive = 7
    max_attempts: Positive = 3


class Meta(Declared):
    """`config.meta.model` of an exposure."""

    task: Literal["binary"]
    entity: str
    time: str
    features: Features
    label: Label
    train: Train = Train()
    gate: Gate = Gate()
    drift: Drift = Drift()
    retrain: Retrain = Retrain()


class MlModel(Meta):
    """One ML model, declared by one dbt exposure."""

    name: str
    file: str
    owner: str
    description: str = ""
    features_schema: str
    label_schema: str
    features_checksum: str
    label_checksum: str


class Declaration(Declared):
    """All that one dbt project declares."""

    tables: tuple[RawTable, ...]
    models: tuple[MlModel, ...]

    @property
    def start(self) -> date | None:
        """Earliest declared day, or None where no table names one."""
        starts = [table.ingest.start for table in self.tables if table.ingest.start]
        return min(starts, default=None)


def declared(manifest: Mapping[str, Any]) -> Declaration:
    """Read the declaration from a dbt manifest; raises DeclarationError."""
    tests = _tests_by_column(manifest)
    sources = sorted(manifest["sources"].values(), key=lambda node: node["unique_id"])
    tables = tuple(_table(n, tests) for n in sources if "ingest" in _meta(n))
    exposures = sorted(manifest["exposures"].values(), key=lambda node: node["unique_id"])
    models = tuple(
        _model(node, manifest)
        for node in exposures
        if node["type"] == "ml" and "model" in _meta(node)
    )
    return Declaration(tables=tables, models=models)


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    return (node.get("config") or {}).get("meta") or node.get("meta") or {}


def _tests_by_column(manifest: Mapping[str, Any]) -> dict[tuple[str, str], list[Test]]:
    found: dict[tuple[str, str], list[Test]] = {}
    for node in sorted(manifest["nodes"].values(), key=lambda node: node["unique_id"]):
        # dbt names the node that a test is attached to for models only; a source's test is told
        # by the yml block it stands in.
        if node["resource_type"] == "test" and node.get("file_key_name", "").startswith("sources."):
            metadata = node["test_metadata"]
            own = ("model", "column_name")
            arguments = {k: v for k, v in metadata["kwargs"].items() if k not in own}
            test = Test(name=metadata["name"], arguments=arguments)
            source = next(n for n in node["depends_on"]["nodes"] if n.startswith("source."))
            found.setdefault((source, node.get("column_name") or ""), []).append(test)
    return found


def _table(node: Mapping[str, Any], tests: Mapping[tuple[str, str], list[Test]]) -> RawTable:
    file, prefix = node["original_file_path"], f"{node['source_name']}.{node['name']}"
    ingest = _parse(Ingest, _meta(node)["ingest"], file, f"{prefix}.config.meta.ingest")
    columns = tuple(
        _column(column, file, prefix, tests.get((node["unique_id"], column["name"]), []))
        for column in node["columns"].values()
    )
    if not columns:
        raise DeclarationError(file, f"{prefix}.columns", [], "list every column of the files")
    for test in tests.get((node["unique_id"], ""), []):
        fix = "a test of the whole table belongs on the staging model; Spark judges single rows"
        raise DeclarationError(file, f"{prefix}.data_tests", test.name, fix)
    names = [column.name for column in columns]
    if ingest.event_time and ingest.event_time not in names:
        key = f"{prefix}.config.meta.ingest.event_time"
        raise DeclarationError(file, key, ingest.event_time, _choose(ingest.event_time, names))
    return RawTable(
        name=node["name"],
        db_schema=node["schema"],
        unique_id=node["unique_id"],
        file=file,
        checksum=_contract_checksum(columns, ingest),
        ingest=ingest,
        columns=columns,
    )


def _contract_checksum(columns: tuple[Column, ...], ingest: Ingest) -> str:
    """Hash what decides about rows, so that a changed contract takes a file in again."""
    parts = [column.model_dump_json() for column in columns]
    return sha256(
        "\n".join([*parts, ingest.event_time or "", ingest.timezone]).encode()
    ).hexdigest()


def _column(node: Mapping[str, Any], file: str, prefix: str, tests: list[Test]) -> Column:
    key = f"{prefix}.columns.{node['name']}"
    if not node.get("data_type"):
        raise DeclarationError(file, f"{key}.data_type", None, "say the type, e.g. varchar")
    for test in tests:
        if test.name not in ROW_TESTS:
            fix = f"{_choose(test.name, ROW_TESTS)}; other tests belong on the staging model"
            raise DeclarationError(file, f"{key}.data_tests", test.name, fix)
    values = {"name": node["name"], "data_type": node["data_type"], **_meta(node)}
    return _parse(Column, {**values, "tests": tuple(tests)}, file, key)


def _model(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> MlModel:
    file, prefix = node["original_file_path"], f"{node['name']}.config.meta.model"
    meta = _parse(Meta, _meta(node)["model"], file, prefix)
    tables = {
        found["name"]: found
        for found in (manifest["nodes"].get(key) for key in node["depends_on"]["nodes"])
        if found
    }
    wanted = {
        "features.table": (meta.features.table, (meta.entity, meta.time, *meta.features.exclude)),
        "label.table": (meta.label.table, (meta.entity, meta.time, meta.label.column)),
    }
    for key, (table, columns) in wanted.items():
        if table not in tables:
            fix = f"{_choose(table, tables)}; the exposure's depends_on must name it with ref()"
            raise DeclarationError(file, f"{prefix}.{key}", table, fix)
        _require_columns(tables[table], columns, file, f"{prefix}.{key}")
    slices = {"gate.slices": meta.gate.slices}
    for key, columns in slices.items():
        _require_columns(tables[meta.features.table], columns, file, f"{prefix}.{key}")
    return MlModel(
        **meta.model_dump(),
        name=node["name"],
        file=file,
        owner=node["owner"].get("email") or node["owner"].get("name") or "",
        description=node.get("description") or "",
        features_schema=tables[meta.features.table]["schema"],
        label_schema=tables[meta.label.table]["schema"],
        features_checksum=lineage_checksum(manifest, tables[meta.features.table]["unique_id"]),
        label_checksum=lineage_checksum(manifest, tables[meta.label.table]["unique_id"]),
    )


def lineage_checksum(manifest: Mapping[str, Any], unique_id: str) -> str:
    """Return one hash for all the SQL that makes a table: its model's and that of those upstream.

    The same as dbt writes to `ledger.partitions` (macro `lineage_checksum`).
    """
    lineage = [unique_id]
    for node in lineage:  # grows while it is walked
        parents = manifest["nodes"][node]["depends_on"]["nodes"]
        lineage += [p for p in parents if p.startswith("model.") and p not in lineage]
    checksums = sorted(manifest["nodes"][node]["checksum"]["checksum"] for node in lineage)
    return md5(",".join(checksums).encode(), usedforsecurity=False).hexdigest()


def _require_columns(
    node: Mapping[str, Any], columns: tuple[str, ...], file: str, key: str
) -> None:
    for column in columns:
        if column not in node["columns"]:
            fix = f"{node['name']} has no such column: {_choose(column, node['columns'])}"
            raise DeclarationError(file, key, column, fix)


def _choose(value: str, allowed: object) -> str:
    options = [str(option) for option in allowed]  # type: ignore[attr-defined]
    close = difflib.get_close_matches(value, options, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if len(options) > MOST_OPTIONS:
        return f"{hint}no such name among {len(options)}"
    return f"{hint}choose from {', '.join(options) or 'nothing declared yet'}"


def _parse(kind: type[T], values: Any, file: str, prefix: str) -> T:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([prefix, *(str(part) for part in first["loc"])])
        fix = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            *place, name = (str(part) for part in first["loc"])
            fix = f"unknown key: {_choose(name, _fields(kind, place))}"
        raise DeclarationError(file, key, first["input"], fix) from error


def _fields(kind: Any, place: list[str]) -> list[str]:
    """Return the keys that stand at a place inside a declaration."""
    for name in place:
        kind = kind.model_fields[name].annotation
    return list(kind.model_fields)
