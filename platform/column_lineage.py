"""Where every column comes from and where it goes, read from the SQL that dbt compiles.

Two kinds of dependence are told apart, as OpenLineage does (direct and indirect): a value is
computed from columns; rows are chosen by columns, those in `where`, `join`, `group by`, `having`
and `qualify`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from sqlglot.errors import SqlglotError

from column_sources import Sources, read_columns
from declared_values import meta_of, table_of

INGESTED = ("_day", "_delivery", "_line")  # columns that every raw table gets
Stored = Mapping[tuple[str, str], Iterable[str]]  # columns by (schema, table)


@dataclass(frozen=True, order=True)
class Column:
    """A column of a node; `node` is dbt's unique id of a model, source, seed or snapshot."""

    node: str
    name: str


@dataclass(frozen=True)
class Lineage:
    """The columns of a project.

    columns: of every node, in their order. values: the columns that one is computed from.
    rows: the columns that choose the rows of a node. unread: nodes whose SQL could not be followed,
    and why.
    """

    columns: Mapping[str, tuple[str, ...]]
    values: Mapping[Column, tuple[Column, ...]]
    rows: Mapping[str, tuple[Column, ...]]
    unread: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def readers(self) -> Mapping[Column, tuple[Column, ...]]:
        """The columns that are computed from one."""
        found: dict[Column, list[Column]] = {}
        for column, parents in self.values.items():
            for parent in parents:
                found.setdefault(parent, []).append(column)
        return {parent: tuple(sorted(columns)) for parent, columns in found.items()}

    @cached_property
    def chosen(self) -> Mapping[Column, tuple[str, ...]]:
        """The nodes whose rows are chosen by a column."""
        found: dict[Column, list[str]] = {}
        for node, parents in self.rows.items():
            for parent in parents:
                found.setdefault(parent, []).append(node)
        return {parent: tuple(sorted(nodes)) for parent, nodes in found.items()}

    def computed_from(self, column: Column) -> list[Column]:
        """Return a column and every column whose value it is computed from, nearest first."""
        return _walk(lambda each: self.values.get(each, ()), column)

    def computed_with(self, column: Column) -> list[Column]:
        """Return a column and every column that is computed from it, nearest first."""
        return _walk(lambda each: self.readers.get(each, ()), column)

    def touched(self, column: Column) -> list[Column]:
        """Return a column and every one that it changes by its value or by the rows it chooses."""
        return _walk(self._touching, column)

    def _touching(self, column: Column) -> Iterator[Column]:
        yield from self.readers.get(column, ())
        for node in self.chosen.get(column, ()):
            yield from (Column(node, name) for name in self.columns[node])


def lineage_of(compiled: Mapping[str, Any], stored: Stored) -> Lineage:
    """Read the lineage of a project from its manifest with the compiled SQL of every model.

    stored: columns of the lake's tables by (schema, table). Sources are read by it, and by what
    their yml says where the lake does not have them yet.
    """
    nodes = {**compiled["sources"], **compiled["nodes"]}
    columns: dict[str, tuple[str, ...]] = {}
    values: dict[Column, tuple[Column, ...]] = {}
    rows: dict[str, tuple[Column, ...]] = {}
    unread: dict[str, str] = {}
    for unique_id in _ordered(compiled):
        node = nodes[unique_id]
        columns[unique_id] = _known(node, stored)
        if unique_id in compiled["sources"] or node["resource_type"] == "seed":
            continue
        parents = {parent: columns.get(parent, ()) for parent in node["depends_on"]["nodes"]}
        try:
            found = read_columns(node, {parent: nodes[parent] for parent in parents}, parents)
        except Exception as error:  # sqlglot raises all kinds of them where SQL is beyond it
            unread[unique_id] = reason(error)
            continue
        columns[unique_id] = tuple(found.columns)
        values |= {Column(unique_id, n): _columns(c) for n, c in found.columns.items()}
        rows[unique_id] = _columns(found.rows)
    return Lineage(columns, values, rows, unread)


def reason(error: Exception) -> str:
    """Return in a line why SQL could not be followed."""
    told = str(error).splitlines()[0] if str(error) else ""
    return told if isinstance(error, SqlglotError) else f"{type(error).__name__}: {told}"


def _ordered(compiled: Mapping[str, Any]) -> list[str]:
    """Every table and view, and what they read, parents first."""
    models = {
        k: n for k, n in compiled["nodes"].items() if n["resource_type"] in ("model", "snapshot")
    }
    seeds = [k for k, n in compiled["nodes"].items() if n["resource_type"] == "seed"]
    graph = {k: set(n["depends_on"]["nodes"]) for k, n in models.items()}
    graph |= {unique_id: set() for unique_id in (*compiled["sources"], *seeds)}
    return list(TopologicalSorter(dict(sorted(graph.items()))).static_order())


def _known(node: Mapping[str, Any], stored: Stored) -> tuple[str, ...]:
    """The columns that the lake has, else those that the yml names and ingestion adds."""
    added = INGESTED if "ingest" in meta_of(node) else ()
    return tuple(name.lower() for name in stored.get(table_of(node)) or (*node["columns"], *added))


def _columns(found: Sources) -> tuple[Column, ...]:
    return tuple(Column(node, name) for node, name in sorted(found))


def _walk(following: Callable[[Column], Iterable[Column]], start: Column) -> list[Column]:
    """Return a column and all that follows it, each once, nearest first."""
    found, queue = {start}, [start]
    for column in queue:  # grows while it is walked
        new = [each for each in dict.fromkeys(following(column)) if each not in found]
        found.update(new)
        queue += new
    return queue
