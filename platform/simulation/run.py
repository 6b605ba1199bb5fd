"""Simulate a shop: nightly dumps for the platform, and the truth beside them for its judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from simulation.dumps import Dumps, refuse_other_days
from simulation.shop import Shop
from simulation.truth import Truth
from simulation.world import World

TABLE = "order_lines"
TRUTH_FILE = "probabilities.parquet"


@dataclass(frozen=True)
class Summary:
    """What was written; `drift_date` is the first day of the drift (or would be, without one)."""

    dumps: Path
    truth: Path
    files: int
    lines: int
    first: date
    last: date
    drift_date: date


def simulate(
    landing: Path, truth: Path, shop: Shop, progress: Callable[[int, int], None] | None = None
) -> Summary:
    """Write `<landing>/order_lines/YYYY-MM-DD.csv.gz` and `<truth>/probabilities.parquet`.

    The same shop gives the same bytes; writing it again over itself changes nothing. `progress` is
    called with (days done, days). Raises SetupError if the landing folder holds other dumps.
    """
    world, seen = World(shop), Truth(shop.days, shop.horizon)
    folder, truth_file = landing / TABLE, truth / TRUTH_FILE
    refuse_other_days(folder, shop.start, shop.days)
    dumps = Dumps(shop, world.catalogue, folder)
    for number, day in enumerate(world.simulate_days()):
        seen.add(day)
        if number < shop.days:
            dumps.write(day)
            if progress is not None:
                progress(number + 1, shop.days)
    seen.write(truth_file)
    return Summary(
        dumps=folder,
        truth=truth_file,
        files=dumps.files,
        lines=dumps.lines,
        first=shop.start,
        last=shop.date_of(shop.days - 1),
        drift_date=shop.date_of(shop.drift_day),
    )
