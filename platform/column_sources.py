"""One model's SQL, followed by sqlglot: which columns of its parents make its values and its rows.

An ephemeral parent is a CTE that dbt has put in front of the SQL (`__dbt__cte__<model>`). It is
taken out, so that the lineage goes through that model instead of around it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import MappingSchema, exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage, to_node
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

DIALECT = "duckdb"
EPHEMERAL = "__dbt__cte__"
OWN = ("__dbt__", "__ephemeral__")  # where ephemeral models stand, as if they were tables
CHOOSING = ("where", "joins", "group", "having", "qualify")
Sources = frozenset[tuple[str, str]]  # (dbt's unique id, column)


@dataclass(frozen=True)
class Read:
    """What a model's columns, in their order, are computed from, and what chooses its rows."""

    columns: Mapping[str, Sources]
    rows: Sources


def read_columns(
    node: Mapping[str, Any],
    parents: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]],
) -> Read:
    """Follow a compiled model; parents: nodes by id. columns: those of every parent.

    Without ephemeral models among the parents the SQL is followed through them. Raises SqlglotError
    where it cannot be followed.
    """
    names = {place_of(parent): unique_id for unique_id, parent in parents.items()}
    schema = MappingSchema(dialect=DIALECT)
    for (catalog, db, name), unique_id in names.items():
        table = exp.table_(name, db=db, catalog=catalog, quoted=True)
        schema.add_table(table, dict.fromkeys(columns[unique_id], "unknown"), dialect=DIALECT)
    through = any(not parent.get("relation_name") for parent in parents.values())
    tree = qualify(
        own_query(node) if through else whole_query(node),
        dialect=DIALECT, schema=schema, validate_qualify_columns=False, identify=False,
    )  # fmt: skip
    scope = build_scope(tree)
    if scope is None or not isinstance(tree, exp.Query):
        raise SqlglotError("it is no query")
    if any(select.is_star for select in tree.selects):
        unknown = sorted(parent for parent in names.values() if not columns[parent])
        raise SqlglotError(f"`*` of {', '.join(unknown)}, whose columns are not known")
    found = lineage(None, tree, schema, dialect=DIALECT, scope=scope)
    own = {name.lower(): _sources(each, names) for name, each in found.items()}
    return Read(own, frozenset(_rows(scope, schema, names)))


Names = Mapping[tuple[str, str, str], str]


def place_of(node: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return catalog, schema and table, as they stand in the SQL of what reads a node."""
    if not node.get("relation_name"):
        return (*OWN, EPHEMERAL + node["name"])
    return place(exp.to_table(node["relation_name"], dialect=DIALECT))


def place(table: exp.Table) -> tuple[str, str, str]:
    """Return catalog, schema and name of a table in SQL, empty where they are not written."""
    return table.catalog.lower(), table.db.lower(), table.name.lower()


def whole_query(node: Mapping[str, Any]) -> exp.Expr:
    """Return a model's compiled SQL; raises SqlglotError where there is none that can be parsed."""
    if node.get("language") == "python" or not node.get("compiled_code"):
        raise SqlglotError("it has no compiled SQL")
    return parse_one(node["compiled_code"], dialect=DIALECT)


def own_query(node: Mapping[str, Any]) -> exp.Expr:
    """Return the same with every ephemeral parent as a table instead of a CTE."""
    tree = whole_query(node)
    for cte in list(tree.find_all(exp.CTE)):
        if cte.alias.startswith(EPHEMERAL):
            cte.pop()
    for clause in list(tree.find_all(exp.With)):
        if not clause.expressions:
            clause.pop()
    for table in tree.find_all(exp.Table):
        if table.name.startswith(EPHEMERAL) and not table.db:
            table.set("catalog", exp.to_identifier(OWN[0]))
            table.set("db", exp.to_identifier(OWN[1]))
    return tree


def _sources(node: Node, names: Names) -> Sources:
    """Return the parents' columns at the ends of sqlglot's graph."""
    ends = {
        (each.name, place(each.expression))
        for each in node.walk()
        if not each.downstream and isinstance(each.expression, exp.Table)
    }
    known = [(name, names[table]) for name, table in ends if table in names]
    if unknown := sorted(table for name, table in known if name == "*"):
        raise SqlglotError(f"`*` of {unknown[0]}, whose columns are not known")
    return frozenset(
        (table, exp.to_column(name, dialect=DIALECT).name.lower()) for name, table in known
    )


def _rows(root: Scope, schema: MappingSchema, names: Names) -> Iterator[tuple[str, str]]:
    """Yield the parents' columns that choose rows, in the model's query and those inside it."""
    scopes = {id(scope.expression): scope for scope in root.traverse()}
    for scope in scopes.values():
        for column in _choosing(scope.expression):
            select = column.find_ancestor(exp.Select)
            inner = scopes.get(id(select), scope)
            yield from _resolved(column, inner, schema, names)


def _choosing(query: exp.Expr) -> Iterator[exp.Column]:
    for key in CHOOSING:
        clause = query.args.get(key)
        for part in clause if isinstance(clause, list) else [clause]:
            if isinstance(part, exp.Join):  # a joined subquery is a scope of its own
                part = part.args.get("on")
            if part is not None:
                yield from part.find_all(exp.Column)


def _resolved(
    column: exp.Column, scope: Scope, schema: MappingSchema, names: Names
) -> Iterator[tuple[str, str]]:
    """Yield what a column of a scope is computed from; one without a table is an alias of it."""
    around: Scope | None = scope
    while around is not None and column.table not in around.sources:
        around = around.parent
    source = around.sources[column.table] if around else scope
    if isinstance(source, exp.Table):
        if place(source) in names:
            yield names[place(source)], column.name.lower()
    elif isinstance(source, Scope):
        yield from _sources(to_node(column.name, source, DIALECT, schema), names)
