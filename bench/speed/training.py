"""Training and batch scoring beside bare PyTorch: the same network, rows, batches and threads.

python -m bench.speed.training [--quick]
"""

import typer

from bench.models.speed import (
    SPEED_ROWS,
    bare_epoch,
    bare_scores,
    made,
    one_epoch,
    prepared,
    speeds,
)
from bench.speed.child import Timer, alone
from bench.speed.shop import finish

QUICK_ROWS = 5_000


def main(quick: bool = False) -> None:
    """Measure both in one process of its own, turn by turn."""
    cost = alone(ratios, rows=QUICK_ROWS if quick else SPEED_ROWS)
    finish("training", {**cost.found, "peak": cost.peak}, quick=quick)


def ratios(timer: Timer, rows: int) -> dict[str, float]:
    """Rows per second of CPU on one thread."""
    with timer.running():
        table = made(rows)
        model, encoded = prepared(table)
        loop, bare_loop = speeds(
            rows, lambda: one_epoch(model, encoded), bare_epoch(model, encoded)
        )
        scoring, bare = speeds(rows, lambda: model.predict(table), bare_scores(model, encoded))
    return {"loop": loop, "bare_loop": bare_loop, "scoring": scoring, "bare_scoring": bare}


if __name__ == "__main__":
    typer.run(main)
