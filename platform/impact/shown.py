"""A report for a terminal, drawn by rich."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from impact.report import Impact, ModelImpact, TableImpact, Verdict
from impact.words import challenger_facts, champion_facts, columns_of, rows_of, title_of
from shown import add_row

COLORS = {
    Verdict.NO_EFFECT: "green",
    Verdict.COMPATIBLE: "green",
    Verdict.RETRAIN: "yellow",
    Verdict.BREAKING: "bold red",
}


def show(out: Console, found: Impact) -> None:
    """Print every model: verdict and reasons first, then figures."""
    _say(out, title_of(found))
    for file in found.files:
        _say(out, f"  {file}")
    for model in found.models:
        _show_model(out, model)
    _say(out, f"\n{found.seconds:.0f} s")


def _show_model(out: Console, model: ModelImpact) -> None:
    out.print()
    out.print(Text.assemble(f"{model.model}: ", (model.verdict, COLORS[model.verdict])))
    for reason in (*model.reasons, *model.left_out):
        _say(out, f"  - {reason}")
    for table in model.tables:
        if not table.is_same:
            _show_table(out, table)
    facts = [*champion_facts(model), *challenger_facts(model)]
    if facts:
        figures = Table("what", "value", title=Text(f"{model.model}: old and new rows"))
        for what, value in facts:
            add_row(figures, what, value)
        out.print(figures)


def _show_table(out: Console, table: TableImpact) -> None:
    _say(out, f"  {table.table}: {rows_of(table)}")
    if table.columns:
        drawn = Table("column", "change", "shift", "nulls", title=Text(table.table))
        for row in columns_of(table):
            add_row(drawn, *row)
        out.print(drawn)


def _say(out: Console, text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
