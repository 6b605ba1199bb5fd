"""Lines of dumps a second by `leeway simulate --scale`, and the memory of its processes.

python -m bench.speed.simulate [--quick]
"""

import tempfile
from pathlib import Path
from typing import Any

import typer

from bench.speed.child import Timer, alone
from bench.speed.shop import finish, simulated

LINES, QUICK_LINES = 10_000_000, 1_000_000


def main(quick: bool = False) -> None:
    """Make 365 days of dumps in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cost = alone(dumps, folder=folder, lines=QUICK_LINES if quick else LINES)
    found = {**vars(cost), "lines_per_second": cost.found["lines"] / cost.seconds}
    finish("simulate", found, quick=quick)


def dumps(timer: Timer, folder: str, lines: int, days: int = 365) -> dict[str, Any]:
    """Make the dumps; returns lines and bytes."""
    with timer.running():
        landing = simulated(Path(folder), lines, days)
    files = list(landing.rglob("*.csv.gz"))
    return {"lines": lines, "bytes": sum(file.stat().st_size for file in files)}


if __name__ == "__main__":
    typer.run(main)
