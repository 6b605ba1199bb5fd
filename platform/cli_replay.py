"""`leeway replay`: what would each policy have done on this history?"""

import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from errors import SetupError
from ml.errors import EstimatorError

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
        str | None,
        typer.Option(help="tabular, small or package.module:factory; by default the declared one"),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with plots and table")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Replay policies on the lake's features; nothing of the model is changed."""
    from cli_models import model_named
    from lifecycle.replaying import plan_of, world_of
    from ml.replay.page import page
    from ml.replay.replay import known, span
    from ml.replay.replay import replay as run
    from ml.replay.table import to_dict
    from resources.settings import settings
    from state import opened

    policies = known([name.strip() for name in policy.split(",")])
    days = span(first.date(), last.date())
    _require_place(html)
    lake, declaration = opened()
    chosen = model_named(declaration, model)
    plan = plan_of(chosen, _existing(estimator), threads=1)
    world = world_of(lake, chosen, days[0], days[-1])
    done = run(world, plan, policies, days, settings().threads)
    title = f"{model}, {days[0]} to {days[-1]}, estimator {plan.estimator}"
    if as_json:
        out.print_json(json.dumps(to_dict(done, plan.estimator), default=_text))
    else:
        _show(title, done, world.schema.target.unit)
    if html:
        html.write_text(page(title, done))


def _existing(estimator: str | None) -> str | None:
    """Return the estimator's name; raises SetupError where it cannot be used."""
    from ml.own_estimator import require

    if estimator is not None:
        try:
            require(estimator)
        except EstimatorError as error:
            raise SetupError(f"--estimator is {estimator!r}: {error.fix}") from error
    return estimator


def _require_place(html: Path | None) -> None:
    """Raise SetupError where the page cannot be written: better now than after the replay."""
    if html and (html.is_dir() or not os.access(html.parent, os.W_OK)):
        raise SetupError(f"--html {html} cannot be written: name a file in a folder that exists")


def _show(title: str, outcomes: list, unit: str) -> None:
    from ml.replay.table import HEADINGS, rows, since

    caption = f"loss since {since(outcomes)}, {unit} a row"
    table = Table(*HEADINGS, title=title, caption=caption)
    for row in rows(outcomes):
        table.add_row(*row)
    out.print(table)


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} is not for JSON")
