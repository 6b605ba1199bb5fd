"""A point-in-time audit for a terminal, drawn by rich."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from point_in_time.findings import Audit, TableAudit
from point_in_time.words import differing, examples, verdict
from shown import add_row

MOST = 12


def show_audit(out: Console, audit: Audit) -> None:
    """Print each table's verdict, then its columns and examples where something differs."""
    for table in audit.tables:
        days = f"{len(table.days)} of {table.fit_days} days"
        span = f" ({table.days[0].day}..{table.days[-1].day})" if table.days else ""
        say(out, f"{table.table}: {days}{span}, {verdict(table)}")
        if table.untold:
            say(out, f"  read as they are now, for nothing tells their clock: {untold(table)}")
        if table.stored or table.recomputed:
            _show_differences(out, table, audit.entity)


def untold(table: TableAudit) -> str:
    """Return the relations that were not cut."""
    return ", ".join(table.untold)


def _show_differences(out: Console, table: TableAudit, entity: str) -> None:
    columns = Table("column", "days", "stored", "recomputed", title=Text("cells that differ"))
    for row in differing(table):
        add_row(columns, *map(str, row.values()))
    out.print(columns)
    shown = Table("day", "column", entity, "known", "stored", "recomputed", "because")
    for example in examples(table, MOST):
        add_row(shown, *example.values())
    out.print(shown)


def say(out: Console, text: str) -> None:
    """Print a sentence as it stands."""
    out.print(text, markup=False, highlight=False)
