"""The dumps that the parts of this bench read, and where their results are kept."""

from datetime import date
from pathlib import Path

from bench.results import Results

SPEED_RESULTS = Results("speed")
START = date(2024, 1, 1)
SEED = 7


def simulated(folder: Path, lines: int, days: int = 365) -> Path:
    """Make dumps of so many lines; returns the landing folder."""
    from simulation.scale import Scale, simulate_lines

    landing = folder / "landing"
    simulate_lines(landing, Scale(lines=lines, days=days, seed=SEED, start=START))
    return landing
