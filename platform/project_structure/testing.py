"""What is tested: the grain of every table, its contract, and the logic of every model."""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from column_sources import own_query
from declared_values import declared_in
from project_structure.project import Node, Project, Violation

TABLES = ("table", "incremental")
COMBINATIONS = ("unique_combination", "unique_combination_of_columns")
LOGIC = (exp.Where, exp.Having, exp.Qualify, exp.Join, exp.Case, exp.If, exp.Filter, exp.Coalesce,
         exp.Nullif, exp.Window, exp.AggFunc, exp.Distinct)  # fmt: skip


def grain(project: Project) -> Iterator[Violation]:
    """Every table has a test that its key is unique, and no part of the key can be null."""
    for node in _tables(project):
        declared, tested = _key(node), _unique(project, node)
        columns = " and ".join(declared) or "its key"
        if not tested or (declared and set(declared) not in tested):
            fix = "add the data test unique_combination over them (unique for one column)"
            yield Violation(
                declared_in(node), "grain test", f"{columns} are not tested to be unique", fix
            )
        for column in declared or sorted(next(iter(tested), ())):
            if not _not_null(project, node, column):
                fix = "add the data test or the constraint not_null"
                yield Violation(
                    declared_in(node), "grain test", f"{column} of the key may be null", fix
                )


def contracts(project: Project) -> Iterator[Violation]:
    """Every table's columns and types are a contract; one by day says which column is the day."""
    for node in _tables(project):
        config = node["config"]
        if not config["contract"]["enforced"]:
            fix = "set config.contract.enforced, and every column's data_type"
            yield Violation(declared_in(node), "contract", "its columns are no contract", fix)
        day = config.get("event_time")
        if config["materialized"] == "incremental" and day not in node["columns"]:
            fix = "set config.event_time to the column of the day"
            yield Violation(declared_in(node), "contract", f"event_time is {day!r}, no column", fix)


def unit_tests(project: Project) -> Iterator[Violation]:
    """A model that decides, joins or aggregates has a unit test; plain renames need none."""
    tested = {
        parent
        for test in project.manifest["unit_tests"].values()
        for parent in test["depends_on"]["nodes"]
        if parent.rpartition(".")[2] == test["model"]
    }
    for node in project.models:
        if node["unique_id"] not in tested and _has_logic(node):
            fix = "add a unit test whose rows take every branch"
            yield Violation(declared_in(node), "unit test", f"no unit test of {node['name']}", fix)


def _tables(project: Project) -> Iterator[Node]:
    return (node for node in project.models if node["config"]["materialized"] in TABLES)


def _key(node: Node) -> list[str]:
    """Return the columns that a table declares as its key; a table by day has the day in it."""
    key = node["config"].get("unique_key") or []
    day = (
        node["config"].get("event_time")
        if node["config"]["materialized"] == "incremental"
        else None
    )
    return [*([key] if isinstance(key, str) else key), *([day] if day else [])]


def _unique(project: Project, node: Node) -> list[set[str]]:
    """Return the sets of columns that tests say are unique."""
    found = []
    for test in project.tests_of(node):
        metadata = test.get("test_metadata") or {"name": "", "kwargs": {}}
        kwargs = metadata["kwargs"]
        if metadata["name"] == "unique":
            found.append({test["column_name"]})
        elif metadata["name"] in COMBINATIONS:
            found.append(set(kwargs.get("columns") or kwargs.get("combination_of_columns") or ()))
    return found


def _not_null(project: Project, node: Node, column: str) -> bool:
    constraints = node["columns"].get(column, {}).get("constraints") or ()
    tests = (
        (test.get("test_metadata") or {}).get("name")
        for test in project.tests_of(node)
        if test.get("column_name") == column
    )
    return "not_null" in tests or any(each["type"] == "not_null" for each in constraints)


def _has_logic(node: Node) -> bool:
    try:
        return own_query(node).find(*LOGIC) is not None
    except SqlglotError:
        return True
