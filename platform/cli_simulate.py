"""`leeway simulate`: dumps of a shop that does not exist."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from errors import SetupError
from simulation.shop import Drift, Shop

if TYPE_CHECKING:  # every command loads this file
    from simulation.run import Summary
    from simulation.scale import Summary as LargeSummary

commands = typer.Typer()
out = Console()
CUSTOMERS = 1500


@commands.command()
def simulate(
    days: Annotated[int, typer.Option(min=1, help="days of dumps")] = 240,
    customers: Annotated[
        int | None, typer.Option(min=1, help=f"customers at any time, {CUSTOMERS} unless told")
    ] = None,
    seed: Annotated[int, typer.Option(help="same seed, same bytes")] = 7,
    drift: Annotated[Drift, typer.Option(help="what changes")] = Drift.none,
    at: Annotated[int | None, typer.Option(min=0, help="day (from 0) of the change")] = None,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])] = datetime(2024, 1, 1),
    scale: Annotated[
        int | None, typer.Option(metavar="LINES", help="a large shop instead, without a truth")
    ] = None,
) -> None:
    """Make a shop's nightly dumps in the landing folder; the truth goes beside it."""
    if scale is None:
        make_shop(Shop(days, customers or CUSTOMERS, seed, start.date(), drift, at))
        return
    if (customers, drift, at) != (None, Drift.none, None):
        raise SetupError(
            f"--scale {scale} goes without --customers, --drift and --at: a large shop's customers "
            "follow from its lines, and it does not drift. Leave them away, or --scale."
        )
    make_large(scale, days, seed, start)


def make_shop(shop: Shop) -> "Summary":
    """Write a shop's dumps and its truth, and tell so."""
    from cli import progress
    from resources.settings import settings
    from simulation.run import simulate as make

    landing = local_folder(settings().landing)
    with progress() as tell:
        made = make(landing, landing.parent / "truth", shop, lambda n, of: tell(f"day {n} of {of}"))
    show(made)
    if shop.drift is not Drift.none:
        out.print(f"{shop.drift.value} from {made.drift_date} on")
    return made


def make_large(lines: int, days: int, seed: int, start: datetime) -> None:
    """Write a large shop's dumps, and tell so."""
    from cli import progress
    from resources.settings import settings
    from simulation.scale import Scale, simulate_lines

    landing, scale = local_folder(settings().landing), Scale(lines, days, seed, start.date())
    with progress() as tell:
        made = simulate_lines(
            landing, scale, settings().threads, lambda n, of: tell(f"day {n} of {of}")
        )
    show(made)


def show(made: "Summary | LargeSummary") -> None:
    """Print one line about what was written."""
    span = f"{made.first} to {made.last}: {made.dumps.parent}"
    out.print(f"{made.files} files, {made.lines:,} lines, {span}", markup=False)


def local_folder(landing: str) -> Path:
    """Return the landing folder; raises SetupError where it is a bucket."""
    if "://" in landing:
        raise SetupError(
            f"LEEWAY_LANDING is {landing}, and `leeway simulate` writes to a folder: set it to "
            "one, simulate, then upload its files to the bucket"
        )
    return Path(landing)
