"""One full run at 30 million lines: dumps, raw rows, features, labels, models, decisions.

    python -m bench.speed.large [--quick] [--lines 30000000] [--days 60]

It takes an hour or more, so it is no part of `make bench`; the page keeps what it found last, of
these sizes.
"""

import tempfile
from datetime import timedelta
from pathlib import Path

import typer

from bench.speed.child import alone
from bench.speed.real import history
from bench.speed.shop import START, finish
from bench.speed.simulate import dumps

LINES, DAYS = 30_000_000, 60
QUICK_LINES = 300_000


def main(
    quick: bool = False, lines: int = LINES, days: int = DAYS, home: Path | None = None
) -> None:
    """Make the dumps and run the whole loop over them; home: an empty folder that is kept."""
    lines = QUICK_LINES if quick else lines
    with tempfile.TemporaryDirectory() as folder:
        place = str(home or folder)
        made = alone(dumps, folder=place, lines=lines, days=days)
        settings = {"LEEWAY_HOME": place, "LEEWAY_START": str(START), "LEEWAY_PII_KEY": "bench"}
        last = START + timedelta(days=days - 1)
        cost = alone(history, settings, first=START, last=last)
    found = {"seconds": cost.seconds, "peak": cost.peak, **cost.found}
    finish(
        "large", {"days": days, "dumps": vars(made), **found}, quick=(lines, days) != (LINES, DAYS)
    )


if __name__ == "__main__":
    typer.run(main)
