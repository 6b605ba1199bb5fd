"""A column's lineage for a terminal, drawn by rich."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from lineage_report import Report, Step, Use
from shown import add_row

MOST_COLUMNS = 12  # that are reached by rows alone and told by name


def show_lineage(out: Console, found: Report) -> None:
    """Print where a column comes from, where it goes and which models use it."""
    out.print(Text(f"{found.column}  {found.description}".strip()))
    out.print(_tree("is computed from", found.column, found.up, {}))
    for table, columns in found.rows.items():
        out.print(Text(f"the rows of {table} are chosen by {', '.join(columns)}"), style="dim")
    out.print(_tree("goes into", found.column, found.down, _readers(found.uses)))
    if found.chooses:
        out.print(Text(f"chooses the rows of {', '.join(found.chooses)}"), style="dim")
    for node, why in found.unread.items():
        out.print(Text(f"not followed: {node}: {why}"), style="yellow")
    for model in dict.fromkeys(use.model for use in found.uses):
        _show_uses(out, [use for use in found.uses if use.model == model])
    if not found.uses:
        out.print("no model reads anything of it")


def _readers(uses: Sequence[Use]) -> dict[str, str]:
    """Return what stands behind a column in the tree: the models that read it."""
    told: dict[str, list[str]] = {}
    for use in uses:
        importance = "" if use.importance is None else f" {use.importance:.3f}"
        told.setdefault(use.column, []).append(f"{use.model} ({use.role}{importance})")
    return {column: f" → {', '.join(models)}" for column, models in told.items()}


def _tree(title: str, start: str, steps: Sequence[Step], readers: Mapping[str, str]) -> Tree:
    """Every column is opened once; where it comes again, its branches stand above."""
    following = {step.column: step.next for step in steps}
    tree = Tree(Text(title + readers.get(start, "")))
    if not following[start]:
        tree.add(Text("no other column"))
    _grow(tree, start, following, {start}, readers)
    return tree


def _grow(
    branch: Tree,
    column: str,
    following: Mapping[str, Sequence[str]],
    opened: set[str],
    readers: Mapping[str, str],
) -> None:
    for each in following[column]:
        again = " (above)" if each in opened and following[each] else ""
        child = branch.add(Text(each + readers.get(each, "") + again))
        if each not in opened:
            opened.add(each)
            _grow(child, each, following, opened, readers)


def _show_uses(out: Console, uses: Sequence[Use]) -> None:
    """Print a model's columns that are computed from the asked one, and count the others."""
    live = f"version {uses[0].version}" if uses[0].version else "no version is live yet"
    values = [use for use in uses if use.by == "value"]
    if values:
        table = Table("rank", "column", "is", "importance", "note")
        table.title = Text(f"{uses[0].model}, {live}")
        for use in values:
            importance = "" if use.importance is None else f"{use.importance:.3f}"
            rank = "" if use.rank is None else str(use.rank)
            add_row(table, rank, use.column, use.role, importance, use.note)
        out.print(table)
    rows = [use.column.rpartition(".")[2] for use in uses if use.by == "rows"]
    if rows:
        more = f" and {len(rows) - MOST_COLUMNS} more" if len(rows) > MOST_COLUMNS else ""
        told = f"by the rows it chooses also {', '.join(rows[:MOST_COLUMNS])}{more}"
        out.print(Text(f"{uses[0].model}: {told}"))
