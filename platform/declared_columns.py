"""Read from dbt's manifest the columns of features and labels, with the tests of every row."""

from collections.abc import Iterator, Mapping
from typing import Any

from declaration import StoredColumn, Test

OWN = ("model", "column_name", "quote")
ROW_TESTS = ("in_range", "accepted_values", "matches")


def stored_columns(
    manifest: Mapping[str, Any], node: Mapping[str, Any]
) -> tuple[StoredColumn, ...]:
    """Return the typed columns of a model.

    Only tests of severity `error` without a condition are a rule of every row; tests whose
    arguments are no plain numbers or texts are dbt's alone.
    """
    tests = list(_tests(manifest, node["unique_id"]))
    return tuple(
        _column(column, [test for name, test in tests if name == column["name"]])
        for column in node["columns"].values()
        if column.get("data_type")
    )


def _column(column: Mapping[str, Any], tests: list[Test]) -> StoredColumn:
    constraints = {constraint["type"] for constraint in column.get("constraints") or ()}
    is_text = column["data_type"].lower() in ("varchar", "text", "string")
    return StoredColumn(
        name=column["name"],
        data_type=column["data_type"],
        not_null="not_null" in constraints or any(t.name == "not_null" for t in tests),
        tests=tuple(t for t in tests if t.name in ROW_TESTS and _is_plain(t, is_text)),
    )


def _is_plain(test: Test, is_text: bool) -> bool:
    if test.name == "matches":
        return is_text
    values = test.arguments.get("values") or list(test.arguments.values())
    return all(isinstance(value, str if is_text else int | float) for value in values)


def _tests(manifest: Mapping[str, Any], unique_id: str) -> Iterator[tuple[str, Test]]:
    nodes = sorted(manifest["nodes"].values(), key=lambda node: node["unique_id"])
    for node in nodes:
        if node["resource_type"] != "test" or node.get("attached_node") != unique_id:
            continue
        config = node["config"]
        if (
            node.get("column_name")
            and config["severity"].lower() == "error"
            and not config["where"]
        ):
            metadata = node["test_metadata"]
            arguments = {k: v for k, v in metadata["kwargs"].items() if k not in OWN}
            yield node["column_name"], Test(name=metadata["name"], arguments=arguments)
