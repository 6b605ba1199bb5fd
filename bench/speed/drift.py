"""A drift check of a day of 1,000,000 rows and 21 columns, beside Evidently's preset on them.

python -m bench.speed.drift [--quick]
"""

import typer

from bench.drift.speed import ROWS, measured
from bench.speed.child import Timer, alone
from bench.speed.shop import finish

QUICK_ROWS = 100_000


def main(quick: bool = False) -> None:
    """Measure both in one process of its own."""
    cost = alone(check, rows=QUICK_ROWS if quick else ROWS)
    finish("drift", {**cost.found, "peak": cost.peak}, quick=quick)


def check(timer: Timer, rows: int) -> dict[str, float]:
    """Seconds of both; the timer counts them and what they are made ready with."""
    with timer.running():
        return vars(measured(rows))


if __name__ == "__main__":
    typer.run(main)
