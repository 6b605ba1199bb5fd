"""`leeway lineage`, `sql`, `structure`: what an analyst asks of the lake and the dbt project."""

import sys
from typing import Annotated

import typer
from rich.console import Console

commands = typer.Typer()
out = Console()
MOST_ROWS = 40  # of a table, where no limit is given

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


@commands.command()
def sql(
    query: Annotated[
        str, typer.Argument(metavar="[SQL]", help="without it the tables; - reads stdin")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="rows; by default 40 of a table, else all")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="print CSV")] = False,
    as_json: Json = False,
    attach: Annotated[
        bool, typer.Option("--attach", help="print the SQL that opens the lake in any DuckDB")
    ] = False,
) -> None:
    """Ask the lake; it is opened for reading only, while pipelines write."""
    import lake_sql
    import shown_sql
    from resources.settings import settings

    if attach:
        typer.echo("\n".join(lake_sql.statements(settings())))
        return
    asked = sys.stdin.read() if query == "-" else query
    with lake_sql.reading(settings()) as connection:
        result = connection.execute(asked or lake_sql.TABLES)
        if as_csv:
            shown_sql.write_csv(sys.stdout, result, limit)
        elif as_json:
            typer.echo(shown_sql.as_json(result, limit))
        else:
            shown_sql.show_rows(out, result, limit or MOST_ROWS if asked else sys.maxsize)


@commands.command()
def structure() -> None:
    """Check names, layers, tests and documentation of the dbt project; needs no lake."""
    from project_structure.check import RULES, violations
    from project_structure.project import compiled_project
    from resources.settings import Settings

    project = compiled_project(Settings().dbt_project_dir)
    found = violations(project)
    for each in found:
        typer.echo(str(each))
    if found:
        raise typer.Exit(1)
    typer.echo(f"{len(project.models)} models keep all {len(RULES)} rules")
