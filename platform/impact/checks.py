"""What dbt would refuse of new rows: the contract, and data tests of severity `error`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb

from errors import SqlError
from resources.lake import quoted, stored_type
from table_query import TableQuery, blaming, filled


def contract(query: TableQuery, given: Mapping[str, str], file: str) -> Iterator[str]:
    """Yield what differs between the columns that a table's SQL gives and those it declares.

    given: name → DuckDB's type. file: where the columns are declared.
    """
    for name, kind in query.columns.items():
        if name not in given:
            yield f"contract: {file} declares {name}, which {query.file} does not give"
        elif given[name] != stored_type(kind):
            yield (
                f"contract: {file} declares {name} as {stored_type(kind)}, {query.file} gives "
                f"{given[name]}"
            )
    for name in given:
        if name not in query.columns:
            yield f"contract: {query.file} gives {name}, which {file} does not declare"


def as_given(query: TableQuery, given: Mapping[str, str]) -> TableQuery:
    """Return the table with the columns that its SQL gives, declared types first.

    So what a broken contract would do can still be told.
    """
    columns = {name: query.columns.get(name, kind) for name, kind in given.items()}
    return query.model_copy(update={"columns": columns})


def nulls(
    connection: duckdb.DuckDBPyConnection, rows: str, node: Mapping[str, Any], given: Mapping
) -> Iterator[str]:
    """Yield the columns that must not be null and are. rows: name of their table."""
    for name, column in node["columns"].items():
        kinds = {constraint["type"] for constraint in column.get("constraints") or ()}
        if "not_null" in kinds and name in given:
            query = f"select count(*) from {rows} where {quoted(name)} is null"
            found = connection.execute(query).fetchall()[0][0]
            if found:
                yield f"contract: {name} must not be null and is in {found:,} rows"


def tests_of(manifest: Mapping[str, Any], unique_id: str) -> list[Mapping[str, Any]]:
    """Return the compiled data tests that judge a table, in order of their names."""
    found = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and unique_id in judged(node)
        and not any(parent.startswith("source.") for parent in parents(node))
        and node["config"]["severity"].lower() == "error"
    ]
    return sorted(found, key=lambda node: node["name"])


def judged(test: Mapping[str, Any]) -> Sequence[str]:
    """Return the ids of the tables that a test is about."""
    attached = test.get("attached_node")
    return [attached] if attached else parents(test)


def parents(node: Mapping[str, Any]) -> Sequence[str]:
    """Return the ids that a node reads."""
    return node["depends_on"]["nodes"]


def failed(
    connection: duckdb.DuckDBPyConnection,
    test: Mapping[str, Any],
    days: tuple[date, date],
    names: Mapping[str, str],
) -> str | None:
    """Return in words that a data test fails, None where it passes.

    days: first and last. names: relation → table that is read instead.
    """
    first, last = days
    sql = filled(test["compiled_code"], (first, last + timedelta(days=1)), names)
    config = test["config"]
    query = f"""select failures, coalesce(failures {config["error_if"]}, false)
    from (select {config["fail_calc"]} as failures from ({sql}) as failing)"""
    try:
        with blaming(test["original_file_path"]):
            found = connection.execute(query).fetchall()[0]
    except SqlError as error:
        return f"data test {test['name']} cannot be run: {error.why}"
    return f"data test {test['name']} fails: {found[0]:,} rows" if found[1] else None
