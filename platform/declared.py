"""Read from dbt's manifest what a dbt project declares.

A raw table is a dbt source table with `config.meta.ingest`; a model is an exposure of `type: ml`
with `config.meta.model`. Every mistake raises DeclarationError with file, key, value and fix, when
the code location loads.
"""

from collections.abc import Mapping
from hashlib import md5, sha256
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from declaration import Column, Declaration, Ingest, Meta, MlModel, RawTable, Test, choose
from errors import DeclarationError

ROW_TESTS = ("not_null", "accepted_values", "in_range", "matches", "unique")
T = TypeVar("T", bound=BaseModel)


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
        raise DeclarationError(file, key, ingest.event_time, choose(ingest.event_time, names))
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
            fix = f"{choose(test.name, ROW_TESTS)}; other tests belong on the staging model"
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
            fix = f"{choose(table, tables)}; the exposure's depends_on must name it with ref()"
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
            fix = f"{node['name']} has no such column: {choose(column, node['columns'])}"
            raise DeclarationError(file, key, column, fix)


def _parse(kind: type[T], values: Any, file: str, prefix: str) -> T:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([prefix, *(str(part) for part in first["loc"])])
        fix = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            *place, name = (str(part) for part in first["loc"])
            fix = f"unknown key: {choose(name, _fields(kind, place))}"
        raise DeclarationError(file, key, first["input"], fix) from error


def _fields(kind: Any, place: list[str]) -> list[str]:
    """Return the keys that stand at a place inside a declaration."""
    for name in place:
        kind = kind.model_fields[name].annotation
    return list(kind.model_fields)
