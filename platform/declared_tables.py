"""Read from dbt's manifest the raw tables of a project: source tables with `meta.ingest`."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from declaration import Column, Ingest, RawTable, Test, choose
from declared_values import meta_of, parse
from errors import DeclarationError
from ingestion.rules import ARGUMENTS, require_sound

SOURCE = re.compile(r"source\('([^']*)', '([^']*)'\)")
TABLE_NAME = re.compile(r"[A-Za-z0-9_]+")  # what Dagster takes for the name of an asset
STAGING = "it belongs on the staging model; at ingestion every row keeps a test or is rejected"
Tests = Mapping[tuple[str, str], list[Test]]


def declared_tables(manifest: Mapping[str, Any]) -> tuple[RawTable, ...]:
    """Read the raw tables from a dbt manifest; raises DeclarationError."""
    tests = _tests_by_column(manifest)
    sources = sorted(manifest["sources"].values(), key=lambda node: node["unique_id"])
    tables = tuple(_table(node, tests) for node in sources if "ingest" in meta_of(node))
    by_name = {table.name: table for table in tables}
    for table in tables:
        for column in table.columns:
            for test in column.tests:
                if test.name == "relationships":
                    _require_parent(table, column, test, by_name)
    return tables


def _tests_by_column(manifest: Mapping[str, Any]) -> Tests:
    found: dict[tuple[str, str], list[Test]] = {}
    for node in sorted(manifest["nodes"].values(), key=lambda node: node["unique_id"]):
        # dbt names the node that a test is attached to for models only; a source's test is told
        # by the yml block it stands in.
        if node["resource_type"] == "test" and node.get("file_key_name", "").startswith("sources."):
            table = _tested_table(node)
            found.setdefault((table, node.get("column_name") or ""), []).append(_test(node))
    return found


def _tested_table(node: Mapping[str, Any]) -> str:
    """Return the source that is tested; a test of relationships depends on its parent as well."""
    sources = [key for key in node["depends_on"]["nodes"] if key.startswith("source.")]
    said = SOURCE.search(node["test_metadata"]["kwargs"].get("model", ""))
    ending = "." + ".".join(said.groups()) if said else ""
    return next(key for key in sources if key.endswith(ending))


def _test(node: Mapping[str, Any]) -> Test:
    metadata = node["test_metadata"]
    own = ("model", "column_name")
    arguments = {k: v for k, v in metadata["kwargs"].items() if k not in own}
    if metadata["name"] == "relationships":
        parent = SOURCE.search(str(arguments.get("to")).replace('"', "'"))
        arguments["to"] = parent.group(2) if parent else arguments.get("to")
    config = node.get("config") or {}
    conditions = {key: config.get(key) for key in ("where", "severity", "warn_if", "error_if")}
    usual = {"where": None, "severity": "error", "warn_if": "!= 0", "error_if": "!= 0"}
    for key, value in conditions.items():
        if value is not None and str(value).lower() != usual[key]:
            arguments[key] = value
    return Test(name=metadata["name"], arguments=arguments)


def _table(node: Mapping[str, Any], tests: Tests) -> RawTable:
    file, prefix = node["original_file_path"], f"{node['source_name']}.{node['name']}"
    if not TABLE_NAME.fullmatch(node["name"]):
        fix = "use letters, digits and _; the files may have any name"
        raise DeclarationError(file, f"{prefix}.name", node["name"], fix)
    ingest = parse(Ingest, meta_of(node)["ingest"], file, f"{prefix}.config.meta.ingest")
    columns = tuple(
        _column(column, file, prefix, tests.get((node["unique_id"], column["name"]), []))
        for column in node["columns"].values()
    )
    if not columns:
        raise DeclarationError(file, f"{prefix}.columns", [], "list every column of the files")
    for test in tests.get((node["unique_id"], ""), []):
        fix = "a test of the whole table belongs on the staging model; Spark judges single rows"
        raise DeclarationError(file, f"{prefix}.data_tests", test.name, fix)
    _require_names(columns, file, f"{prefix}.columns")
    _require_event_time(columns, ingest, file, f"{prefix}.config.meta.ingest.event_time")
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
    parts += [ingest.event_time or "", ingest.timezone]
    if ingest.format != "csv":
        parts.append(ingest.format)
    return sha256("\n".join(parts).encode()).hexdigest()


def _column(node: Mapping[str, Any], file: str, prefix: str, tests: list[Test]) -> Column:
    key = f"{prefix}.columns.{node['name']}"
    if not node.get("data_type"):
        raise DeclarationError(file, f"{key}.data_type", None, "say the type, e.g. varchar")
    values = {"name": node["name"], "data_type": node["data_type"], **meta_of(node)}
    column = parse(Column, {**values, "tests": tuple(tests)}, file, key)
    for test in tests:
        if test.name not in ARGUMENTS:
            fix = f"{choose(test.name, ARGUMENTS)}; other tests belong on the staging model"
            raise DeclarationError(file, f"{key}.data_tests", test.name, fix)
        _require_test(column, test, file, f"{key}.data_tests.{test.name}")
    return column


def _require_test(column: Column, test: Test, file: str, key: str) -> None:
    for name in ("where", "severity", "warn_if", "error_if"):
        if name in test.arguments:
            raise DeclarationError(file, f"{key}.config.{name}", test.arguments[name], STAGING)
    try:
        require_sound(test, column.data_type)
    except ValueError as error:
        raise DeclarationError(file, key, test.arguments, str(error)) from None


def _require_names(columns: tuple[Column, ...], file: str, key: str) -> None:
    """Refuse names that are the platform's own, and headers that could mean two columns."""
    taken: dict[str, str] = {}
    for column in columns:
        if column.name.startswith("_"):
            fix = "names that begin with _ are the platform's own; rename it, with this as alias"
            raise DeclarationError(file, f"{key}.{column.name}", column.name, fix)
        for name in {column.name.lower(), *column.aliases}:
            if taken.setdefault(name, column.name) != column.name:
                fix = f"{taken[name]} has this name already: a header must mean one column"
                raise DeclarationError(file, f"{key}.{column.name}", name, fix)


def _require_event_time(columns: tuple[Column, ...], ingest: Ingest, file: str, key: str) -> None:
    times = {column.name: column.data_type for column in columns}
    name = ingest.event_time
    if name and name not in times:
        raise DeclarationError(file, key, name, choose(name, times))
    if name and times[name] not in ("date", "timestamp"):
        fix = f"it is {times[name]}: only a date or a timestamp tells the day of a row"
        raise DeclarationError(file, key, name, fix)


def _require_parent(
    table: RawTable, column: Column, test: Test, tables: Mapping[str, RawTable]
) -> None:
    key = f"{table.name}.columns.{column.name}.data_tests.relationships"
    to, field = test.arguments.get("to"), test.arguments.get("field")
    others = [name for name in tables if name != table.name]
    if to not in others:
        fix = f"at ingestion a parent is another raw table, source(...): {choose(str(to), others)}"
        raise DeclarationError(table.file, f"{key}.to", to, fix)
    keys = {c.name: c for c in tables[to].columns}
    if field not in keys:
        raise DeclarationError(table.file, f"{key}.field", field, choose(str(field), keys))
    parent = keys[field]
    if (parent.data_type, parent.pii) != (column.data_type, column.pii):
        fix = f"{to}.{field} is {_kind(parent)}, {column.name} is {_kind(column)}: make them alike"
        raise DeclarationError(table.file, f"{key}.field", field, fix)


def _kind(column: Column) -> str:
    return f"{column.data_type}, pii" if column.pii else column.data_type
