"""`leeway ledger`, `reproduce`, `rollback`, `accept`, `taint`: what was live, how to undo it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:  # a command loads what it needs when it runs
    from declaration import Declaration, MlModel

commands = typer.Typer()
out = Console()
FORMATS = ["%Y-%m-%d"]

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="model of an exposure")]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@commands.command()
def rollback(
    model: ModelName,
    why: Annotated[str, typer.Option(help="what was seen, for whoever reads it later")],
    to: Annotated[int | None, typer.Option(help="version; by default the champion before")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=FORMATS, help="as of this day; by default the newest decision"),
    ] = None,
) -> None:
    """Make an older champion live again; the version that goes rests."""
    from alerting.outbox import telling
    from lifecycle.rollback import by_operator
    from resources.registry import registry_of
    from resources.settings import settings
    from state import opened

    lake, declaration = opened()
    chosen = model_named(declaration, model)
    day = as_of.date() if as_of else None
    with telling(lake, settings()):
        done = by_operator(lake, registry_of(settings()), chosen, why, to, day)
    say(
        f"{model}: version {done.version} is live from {done.live_from} on, instead of version "
        f"{done.previous}"
    )
    if done.live_from <= done.frontier:
        say(
            f"{done.live_from}..{done.frontier} were scored by version {done.previous}: to score "
            f"them again materialize {model}/predictions and {model}/performance of these days"
        )


@commands.command()
def accept(
    model: ModelName,
    days: Annotated[list[datetime], typer.Argument(metavar="DAY...", formats=FORMATS)],
    why: Annotated[str, typer.Option(help="what was looked at, and why the rows are right")],
    onwards: Annotated[
        bool,
        typer.Option("--onwards", help="also from the first of the days on, until a new champion"),
    ] = False,
) -> None:
    """Let models use days that the watch has found broken: the world has changed, not the data."""
    from lifecycle import acceptance, broken
    from state import opened

    lake, declaration = opened()
    named, chosen = model_named(declaration, model), sorted({day.date() for day in days})
    if not onwards:
        broken.accept(lake, named, chosen, why)
        say(f"{model}: {', '.join(map(str, chosen))} count again, from the next decision on")
        return
    accepted, version = acceptance.accept_onwards(lake, named, chosen, why)
    for each in accepted:
        say(f"{model}: {each}")
    say(f"no incident from the next watch on, until a newer champion than version {version}")


@commands.command()
def ledger(
    model: ModelName,
    at: Annotated[datetime | None, typer.Option(formats=FORMATS, help="what was live then")] = None,
    as_json: Json = False,
) -> None:
    """Show decisions, verdicts and champions, newest last; with --at what was live on a day."""
    import json

    from chronicle import history, live_on
    from resources.registry import registry_of
    from resources.settings import settings
    from shown_models import show_history, show_live
    from state import opened

    lake, declaration = opened()
    chosen = model_named(declaration, model)
    if at is None:
        events = history(lake, model)
        if as_json:
            out.print_json(json.dumps([event.model_dump(mode="json") for event in events]))
        else:
            show_history(out, model, events)
        return
    live = live_on(lake, registry_of(settings()), chosen, at.date())
    if as_json:
        out.print_json(live.model_dump_json())
    else:
        show_live(out, live)


@commands.command()
def reproduce(
    model: ModelName,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="as `leeway ledger` names it")],
    as_json: Json = False,
) -> None:
    """Train a version again from its snapshot, and compare it hash by hash; nothing is written."""
    import json

    from lifecycle.reproduce import reproduce as train_again
    from ml.reproduction import Outcome
    from resources.registry import registry_of
    from resources.settings import settings
    from shown_models import show_reproduction
    from state import opened

    lake, declaration = opened()
    named = model_named(declaration, model)
    found = train_again(lake, registry_of(settings()), named, version)
    if as_json:
        out.print_json(json.dumps(found.to_dict()))
    else:
        show_reproduction(out, found)
    if found.outcome is Outcome.NOT:
        raise typer.Exit(1)


@commands.command()
def taint(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="raw, features or labels table")],
    days: Annotated[list[datetime], typer.Argument(metavar="DAY...", formats=FORMATS)],
    as_json: Json = False,
) -> None:
    """Show what has used days that are known to be wrong, and how to repair it."""
    from lifecycle.repair import plan
    from lifecycle.taint import as_json as encoded
    from lifecycle.taint import taint as follow
    from resources.dbt import manifest
    from resources.registry import registry_of
    from resources.settings import settings
    from shown_models import show_taint
    from state import opened

    lake, declaration = opened()
    chosen = sorted({day.date() for day in days})
    parsed = manifest(settings().home, settings().dbt_project_dir)
    found = follow(lake, registry_of(settings()), declaration, parsed, table, chosen)
    steps = plan(found, declaration)
    if as_json:
        out.print_json(encoded(found, steps))
    else:
        show_taint(out, found, steps)


def model_named(declaration: "Declaration", name: str) -> "MlModel":
    """Return a declared model; raises SetupError with those that there are."""
    from declaration import choose
    from errors import SetupError

    models = {model.name: model for model in declaration.models}
    if name not in models:
        raise SetupError(f"there is no model {name!r}: {choose(name, models)}")
    return models[name]


def say(text: str) -> None:
    """Print a sentence as it stands."""
    out.print(text, markup=False, highlight=False)
