"""`leeway audit`: do stored features and labels hold what was known on their day?"""

from typing import Annotated

import typer
from rich.console import Console

commands = typer.Typer()
out = Console()
DIFFERS, FAILED = 1, 2


@commands.command()
def audit(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="model of an exposure")],
    days: Annotated[int, typer.Option(min=1, help="days of each table that are drawn")] = 12,
    seed: Annotated[int, typer.Option(help="same seed, same days")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Recompute past days with only what was known on them; status 1 where something differs."""
    from cli import failing_with, progress
    from cli_models import model_named
    from point_in_time.audit import audit as compare
    from resources.dbt import compiled_manifest
    from resources.settings import settings
    from shown_audit import show_audit
    from state import opened

    with failing_with(FAILED), progress() as tell:
        lake, declaration = opened()
        chosen = model_named(declaration, model)
        tell("dbt compile")
        found = compare(lake, compiled_manifest(settings()), chosen, days, seed, tell)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        show_audit(out, found)
    if not found.is_clean:
        raise typer.Exit(DIFFERS)
