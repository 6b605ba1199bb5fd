"""`leeway replay`: what would each policy have done on this history?"""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

commands = typer.Typer()
out = Console()
FORMATS = ["%Y-%m-%d"]
DEFAULT = "adaptive,weekly,monthly,never"


@commands.command()
def replay(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="model of an exposure")],
    first: Annotated[datetime, typer.Option("--from", formats=FORMATS, help="first day")],
    last: Annotated[datetime, typer.Option("--to", formats=FORMATS, help="last day")],
    policy: Annotated[
        str, typer.Option(help="of adaptive, weekly, monthly, daily, never; comma between")
    ] = DEFAULT,
    estimator: Annotated[
        str | None, typer.Option(help="tabular or small; by default the declared one")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with plots and table")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Replay policies on the lake's features; nothing of the model is changed."""
    from cli_models import model_named
    from lifecycle.replaying import plan_of, world_of
    from ml.estimators import estimator as known
    from ml.replay.page import page
    from ml.replay.replay import replay as run
    from ml.replay.table import to_dict
    from resources.settings import settings
    from state import opened

    lake, declaration = opened()
    chosen = model_named(declaration, model)
    plan = plan_of(chosen, estimator, threads=1)
    known(plan.estimator)
    world = world_of(lake, chosen, first.date(), last.date())
    policies = [name.strip() for name in policy.split(",")]
    done = run(world, plan, policies, first.date(), last.date(), settings().threads)
    title = f"{model}, {first.date()} to {last.date()}, estimator {plan.estimator}"
    if html:
        html.write_text(page(title, done))
    if as_json:
        out.print_json(json.dumps(to_dict(done, plan.estimator), default=_text))
    else:
        _show(title, done)


def _show(title: str, outcomes: list) -> None:
    from ml.replay.table import HEADINGS, rows, since

    table = Table(*HEADINGS, title=title, caption=f"loss since {since(outcomes)}, nats a row")
    for row in rows(outcomes):
        table.add_row(*row)
    out.print(table)


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} is not for JSON")
