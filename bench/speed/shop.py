"""The dumps that the parts of this bench read, and what becomes of what a part has measured."""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich import print_json

from bench.results import Results

SPEED_RESULTS = Results("speed", code=("platform", "ml", "dbt_project"))
START = date(2024, 1, 1)
SEED = 7


def simulated(folder: Path, lines: int, days: int = 365, start: date = START) -> Path:
    """Make dumps of so many lines; returns the landing folder."""
    from simulation.scale import Scale, simulate_lines

    landing = folder / "landing"
    scale = Scale(lines=lines, days=days, seed=SEED, start=start)
    simulate_lines(landing, scale, processes=len(os.sched_getaffinity(0)))
    return landing


def finish(part: str, found: Mapping[str, Any], *, quick: bool) -> None:
    """Print what a part has measured; keep it for the page where its sizes were the full ones."""
    print_json(data=found, default=str)
    if not quick:
        SPEED_RESULTS.keep(part, found)
