"""`leeway impact`: what a change of SQL does to the models, before it is merged."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from errors import SetupError

commands = typer.Typer()
out = Console()
BREAKING, ERROR = 1, 2  # exit statuses
# On a real shop of two years a year of weekly days, 100,000 rows, takes about two minutes.
DAYS = 52


@commands.command()
def impact(
    base: Annotated[
        str | None,
        typer.Option(metavar="REF", help="commit to compare with; by default where main was left"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="sampled as_of days")] = DAYS,
    html: Annotated[Path | None, typer.Option(help="write a page")] = None,
    markdown: Annotated[Path | None, typer.Option(help="write Markdown, for a comment")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show what edited SQL does to every model; exit status 1 where it breaks one, 2 for errors.

    Uncommitted edits count. The lake, MLflow and git are only read.
    """
    from cli import failing_with

    with failing_with(ERROR):
        breaks = _report(base, days, html, markdown, as_json)
    if breaks:
        raise typer.Exit(BREAKING)


def _report(
    base: str | None, days: int, html: Path | None, markdown: Path | None, as_json: bool
) -> bool:
    """Write and print the report; returns whether the change breaks a model."""
    from cli import progress
    from impact.page import as_html, as_markdown
    from impact.report import Verdict
    from impact.run import impact as compared
    from impact.shown import show
    from resources.settings import settings

    for path in (html, markdown):
        _require_place(path)
    with progress() as tell:
        found = compared(settings(), days, base, tell)
    if html:
        html.write_text(as_html(found))
    if markdown:
        markdown.write_text(as_markdown(found))
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        show(out, found)
    return found.verdict is Verdict.BREAKING


def _require_place(path: Path | None) -> None:
    """Raise SetupError where a file cannot be written: better now than after minutes."""
    if path and (path.is_dir() or not os.access(path.absolute().parent, os.W_OK)):
        raise SetupError(f"{path} cannot be written: name a file in a folder that exists")
