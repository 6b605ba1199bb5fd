"""Who reads whom: sources → staging → intermediate → features, never back and never around."""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from column_sources import own_query, place, place_of
from project_structure.project import Node, Project, Violation, layer_of

MAY_READ = {
    "staging": ("source",),
    "intermediate": ("staging", "intermediate"),
    "features": ("intermediate", "features"),
}


def readers(project: Project) -> Iterator[Violation]:
    """Staging reads sources only, intermediate no source, features no staging and no source."""
    for node in project.models:
        layer = layer_of(node)
        if layer is None:
            continue
        for parent in project.parents_of(node):
            kind = _kind(parent)
            if kind not in MAY_READ[layer]:
                what = f"{layer} reads {parent['name']} of {kind or 'no layer'}"
                fix = f"read {' or '.join(MAY_READ[layer])} models with ref()"
                fix = "read source() tables only" if layer == "staging" else fix
                yield Violation(node["original_file_path"], "reads", what, fix)


def own_source(project: Project) -> Iterator[Violation]:
    """A staging model reads a table of the source that it is named for."""
    for node in project.models:
        if layer_of(node) != "staging":
            continue
        sources = [p["source_name"] for p in project.parents_of(node) if _kind(p) == "source"]
        if not any(node["name"].startswith(f"stg_{source}__") for source in sources):
            what = f"{node['name']} reads {', '.join(sources) or 'no source'}"
            fix = "name it stg_<source>__<table> for the source that it reads"
            yield Violation(node["original_file_path"], "reads", what, fix)


def hard_coded(project: Project) -> Iterator[Violation]:
    """Every table in the SQL is a ref() or a source(), or dbt does not know of it."""
    for node in project.models:
        known = {place_of(parent) for parent in project.parents_of(node)}
        for table in _tables(node):
            if place(table) not in known:
                what = f"it names {table.sql(dialect='duckdb')} itself"
                fix = "write ref('...') or source('...', '...'): dbt orders by them"
                yield Violation(node["original_file_path"], "hard-coded", what, fix)


def followed(project: Project) -> Iterator[Violation]:
    """SQL that sqlglot cannot follow has no lineage, so no rule of columns looks at it."""
    nodes = {node["unique_id"]: node for node in project.models}
    for unique_id, why in project.lineage.unread.items():
        if unique_id in nodes:
            fix = "describe the columns of what it reads, and write SQL that sqlglot parses"
            yield Violation(nodes[unique_id]["original_file_path"], "lineage", why, fix)


def _tables(node: Node) -> list[exp.Table]:
    """Return the tables of a model's SQL that are neither CTEs nor functions, each once."""
    try:
        tree = own_query(node)
    except SqlglotError:  # the rule `lineage` tells of it
        return []
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = {
        place(table): table
        for table in tree.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier) and (table.db or table.name.lower() not in own)
    }
    return list(found.values())


def _kind(node: Node) -> str | None:
    return node["resource_type"] if node["resource_type"] != "model" else layer_of(node)
