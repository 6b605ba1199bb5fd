"""What is told of one column: where it comes from, where it goes, which live models use it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from column_lineage import Column, Lineage
from declaration import Declaration, MlModel, choose
from declared_values import table_of
from errors import SetupError
from lifecycle.used_columns import UsedColumns

Role = Literal["feature", "label", "entity", "time", "left out"]


class Told(BaseModel):
    """Base of what is printed or written as JSON."""

    model_config = ConfigDict(frozen=True)


class Step(Told):
    """A column and the columns next to it, up or down; an ephemeral model has no schema."""

    column: str
    next: tuple[str, ...]


class Use(Told):
    """A column of a model's tables that the asked one reaches.

    by: `value` where it is computed from it, `rows` where only the choice of rows reaches it.
    importance: for the live version, the largest of its columns being 1; rank: its place.
    """

    model: str
    version: int | None
    column: str
    role: Role
    by: Literal["value", "rows"]
    importance: float | None = None
    rank: int | None = None
    note: str = ""


class Report(Told):
    """One column's lineage. up, down: every column on the way, beginning with this one.

    rows: by table, the columns that choose its rows, for this column's table and those above it.
    chooses: tables whose rows are chosen by this column or one computed from it.
    unread: models whose SQL could not be followed, and why: what goes through them is not seen.
    """

    column: str
    description: str
    up: tuple[Step, ...]
    down: tuple[Step, ...]
    rows: Mapping[str, tuple[str, ...]]
    chooses: tuple[str, ...]
    uses: tuple[Use, ...]
    unread: Mapping[str, str]


class Names:
    """The names of nodes: `schema.table` as in the lake, or an ephemeral model's own."""

    def __init__(self, compiled: Mapping[str, Any], lineage: Lineage) -> None:
        self.nodes = {**compiled["sources"], **compiled["nodes"]}
        self.lineage = lineage

    def node(self, unique_id: str) -> str:
        """Return a node's name."""
        node = self.nodes[unique_id]
        return ".".join(table_of(node)) if node.get("relation_name") else node["name"]

    def column(self, column: Column) -> str:
        """Return a column with its node's name."""
        return f"{self.node(column.node)}.{column.name}"

    def located(self, name: str) -> Column:
        """Return the column that `table.column` or `schema.table.column` means.

        Raises SetupError, with names that are close, where there is none or more than one.
        """
        table, _, column = name.rpartition(".")
        called = {self.node(node): node for node in self.lineage.columns}
        found = [node for full, node in called.items() if table in (full, full.split(".")[-1])]
        if not table or not found:
            names = [full.split(".")[-1] for full in called]
            raise SetupError(f"{name!r} names no column TABLE.COLUMN: {choose(table, names)}")
        if len(found) > 1:
            raise SetupError(
                f"{table} is more than one table: {choose(table, map(self.node, found))}"
            )
        columns = self.lineage.columns[found[0]]
        if column.lower() not in columns:
            raise SetupError(
                f"{self.node(found[0])} has no column {column!r}: {choose(column, columns)}"
            )
        return Column(found[0], column.lower())

    def described(self, column: Column) -> str:
        """Return what the yml says of a column, or nothing."""
        columns = self.nodes[column.node]["columns"].values()
        told = (c["description"] for c in columns if c["name"].lower() == column.name)
        return " ".join(next(told, "").split())


def report(
    lineage: Lineage,
    names: Names,
    column: Column,
    declaration: Declaration,
    used: Sequence[UsedColumns],
) -> Report:
    """Put together what is known of one column; used: of every declared model."""
    above, below = lineage.computed_from(column), lineage.computed_with(column)
    tables = dict.fromkeys(each.node for each in above)
    chooses = {node for each in below for node in lineage.chosen.get(each, ())}
    return Report(
        column=names.column(column),
        description=names.described(column),
        up=_steps(names, above, lineage.values),
        down=_steps(names, below, lineage.readers),
        rows={
            names.node(node): tuple(map(names.column, lineage.rows[node]))
            for node in tables
            if lineage.rows.get(node)
        },
        chooses=tuple(sorted(map(names.node, chooses))),
        uses=_uses(lineage, names, column, declaration, used),
        unread={names.node(node): why for node, why in lineage.unread.items()},
    )


def _steps(
    names: Names, columns: Iterable[Column], steps: Mapping[Column, tuple[Column, ...]]
) -> tuple[Step, ...]:
    return tuple(
        Step(column=names.column(c), next=tuple(map(names.column, steps.get(c, ()))))
        for c in columns
    )


def _uses(
    lineage: Lineage,
    names: Names,
    column: Column,
    declaration: Declaration,
    used: Sequence[UsedColumns],
) -> tuple[Use, ...]:
    """Return what is reached, the most important first."""
    values, known = set(lineage.computed_with(column)), {each.model: each for each in used}
    found = [
        _use(model, known[model.name], names.column(each), each.name, role, each in values)
        for each in lineage.touched(column)
        for model in declaration.models
        if (role := _role(model, names.node(each.node), each.name))
    ]
    return tuple(sorted(found, key=lambda u: (u.model, u.by != "value", -(u.importance or 0))))


def _role(model: MlModel, table: str, column: str) -> Role | None:
    """Return what a column is for a model, or None where the model does not read it."""
    features = f"{model.features_schema}.{model.features.table}"
    label = f"{model.label_schema}.{model.label.table}"
    if table == label and column == model.label.column:
        return "label"
    if table != features:
        return None
    keys: dict[str, Role] = {model.entity: "entity", model.time: "time"}
    left_out: dict[str, Role] = dict.fromkeys(model.features.exclude, "left out")
    return {**left_out, **keys}.get(column, "feature")


def _use(
    model: MlModel, used: UsedColumns, full: str, column: str, role: Role, is_value: bool
) -> Use:
    importance = (used.importance or {}).get(column) if role == "feature" else None
    note = used.note
    if role == "feature" and used.importance is not None and importance is None:
        note = f"version {used.version} has not learned from it"
    return Use(
        model=model.name,
        version=used.version,
        column=full,
        role=role,
        by="value" if is_value else "rows",
        importance=importance,
        rank=used.rank(column) if importance is not None else None,
        note=note if role == "feature" else "",
    )
