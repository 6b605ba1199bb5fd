"""The `leeway` command."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import date, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import cli_audit
import cli_deliveries
import cli_impact
import cli_lake
import cli_models
import cli_replay
import cli_simulate
from errors import LeewayError
from ml.errors import ModelError
from ml.progress import TERMINAL
from simulation.shop import Drift

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(cli_audit.commands)
app.add_typer(cli_deliveries.commands)
app.add_typer(cli_impact.commands)
app.add_typer(cli_models.commands)
app.add_typer(cli_lake.commands)
app.add_typer(cli_replay.commands)
app.add_typer(cli_simulate.commands)
out, err = Console(), TERMINAL
EXPECTED = (LeewayError, ModelError)  # their words are enough
NOISY = ("alembic", "mlflow", "dagster", "py4j", "evidently", "dbt_views", "dbt_features")

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]


@app.command()
def run(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
) -> None:
    """Load a history and decide day by day; interrupted, it goes on where it stopped."""
    from shown import show_status
    from state import opened
    from status import status as read

    work(first.date(), last.date())
    show_status(out, read(*opened()))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON; docs/status.md")] = False,
) -> None:
    """Show what is live, what was decided, what is held."""
    from shown import show_status
    from state import opened
    from status import status as read

    lake, declaration = opened()
    found = read(lake, declaration)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        show_status(out, found)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1)] = 240,
    customers: Annotated[int, typer.Option(min=1)] = 1500,
    seed: Annotated[int, typer.Option()] = 7,
    drift: Annotated[Drift, typer.Option()] = Drift.concept,
    start: Day = datetime(2024, 1, 1),
) -> None:
    """Simulate a shop with a drift, run the loop, and tell what happened."""
    from cli_simulate import make_shop
    from demo import story
    from resources.registry import registry_of
    from resources.settings import settings
    from shown import show_story
    from simulation.shop import Shop
    from state import opened
    from status import status as read

    made = make_shop(Shop(days, customers, seed, start.date(), drift))
    work(made.first, made.last)
    lake, declaration = opened()
    changed = None if drift is Drift.none else made.drift_date
    for model in declaration.models:
        told = story(lake, registry_of(settings()), model, made.first, made.last, changed)
        show_story(out, told, read(lake, declaration))


@app.command("alert-test")
def alert_test() -> None:
    """Send a test message to every address of LEEWAY_ALERT_URLS."""
    from alerting.channels import send_test

    out.print(send_test())


@app.command()
def upkeep() -> None:
    """Merge small files, expire snapshots that no model needs, remove leftovers."""
    from sensors.weekly_upkeep import start

    with quiet() as tell:
        tell("upkeep")
        figures = start()
    for name, value in figures.items():
        out.print(f"{name.replace('_', ' ')}: {value}", markup=False, highlight=False)


def work(first: date, last: date) -> None:
    """Run a history and show each step's name."""
    from history import load_history

    with quiet() as tell:
        load_history(first, last, tell).run()


@contextmanager
def quiet() -> Iterator:
    """Show one line of what is being done; what its tools print goes to `run.log` in home."""
    from resources.settings import settings

    with (settings().home / "run.log").open("a") as log, progress() as tell, redirect_stdout(log):
        yield tell


@contextmanager
def progress() -> Iterator:
    """Yield a function that shows one line of what is being done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("starting")
        yield lambda text: bar.update(task, description=text)


def main() -> None:
    """Run the command; an expected error is one message and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger().handlers[0].setLevel(logging.WARNING)  # tools that log more propagate to it
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    for library in ("dagster", "mlflow", "pyspark", "litestar"):  # notices for their developers
        warnings.filterwarnings("ignore", module=library)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        app()
    except EXPECTED as error:
        show_error(error)
        sys.exit(1)


def show_error(error: Exception) -> None:
    """Print the kind of an expected error, and its words."""
    err.print(f"[bold red]error[/] {type(error).__name__}", highlight=False)
    err.print(str(error), markup=False, highlight=False)


@contextmanager
def failing_with(status: int) -> Iterator[None]:
    """Tell an error as every command does, but end with a status of its own, whatever it was.

    For commands whose status 1 says what they have found.
    """
    try:
        yield
    except typer.Exit:
        raise
    except EXPECTED as error:
        show_error(error)
        raise typer.Exit(status) from error
    except Exception as error:
        traceback.print_exception(error)
        raise typer.Exit(status) from error
