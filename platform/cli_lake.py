"""`leeway lineage`, `sql`, `structure`: what an analyst asks of the lake and the dbt project."""

from typing import Annotated

import typer
from rich.console import Console

commands = typer.Typer()
out = Console()

Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@commands.command()
def lineage(
    column: Annotated[str, typer.Argument(metavar="TABLE.COLUMN", help="raw, model or feature")],
    as_json: Json = False,
) -> None:
    """Follow a column up to raw columns and down to the live models, with its importance there."""
    from column_lineage import lineage_of
    from lifecycle.used_columns import used_columns
    from lineage_report import Names, report
    from resources.dbt import compiled_manifest
    from resources.lake import columns_of
    from resources.registry import registry_of
    from resources.settings import settings
    from shown_lineage import show_lineage
    from state import opened

    lake, declaration = opened()
    compiled = compiled_manifest(settings())
    found = lineage_of(compiled, columns_of(lake))
    names = Names(compiled, found)
    chosen = names.located(column)
    used = [used_columns(lake, registry_of(settings()), model) for model in declaration.models]
    told = report(found, names, chosen, declaration, used)
    if as_json:
        out.print_json(told.model_dump_json())
    else:
        show_lineage(out, told)
