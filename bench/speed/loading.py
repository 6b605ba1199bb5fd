"""Loading the code location, beside one of a single asset that imports dagster-dbt and -pyspark.

    python -m bench.speed.loading [--quick]

Each loads in turn in a fresh process, as a code server and every run of the daemon do: import, make
the definitions, resolve every job. The dbt project has been parsed before; what that takes is told
apart, as it happens once for every change of the project.
"""

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import typer

from bench.speed.child import Cost, Timer, alone
from bench.speed.shop import finish

ROUNDS, QUICK_ROUNDS = 5, 1


def main(quick: bool = False) -> None:
    """Measure it."""
    finish("loading", measured(QUICK_ROUNDS if quick else ROUNDS), quick=quick)


def measured(rounds: int) -> dict[str, Any]:
    """Medians of each side: seconds of wall clock and of CPU, and peak bytes; and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        home = {"LEEWAY_HOME": folder}
        alone(landed, home, folder=folder)
        parsing = alone(ours, home)
        costs: dict[str, list[Cost]] = {"one_asset": [], "ours": []}
        for _ in range(rounds):
            costs["one_asset"].append(alone(one_asset, home))
            costs["ours"].append(alone(ours, home))
    found: dict[str, Any] = {name: medians(each) for name, each in costs.items()}
    both = ("seconds", "cpu_seconds")
    found["ratio"] = {what: found["ours"][what] / found["one_asset"][what] for what in both}
    found["seconds_where_dbt_must_parse"] = parsing.seconds
    return found


def medians(costs: list[Cost]) -> dict[str, float]:
    """What a load takes."""
    return {
        "seconds": median(cost.seconds for cost in costs),
        "cpu_seconds": median(cost.found["cpu_seconds"] for cost in costs),
        "peak": median(cost.found["peak"] for cost in costs),
    }


def landed(_timer: Timer, folder: str) -> None:
    """Land a month of a small shop."""
    from simulation.run import simulate
    from simulation.shop import Shop

    shop = Shop(days=30, customers=200, seed=7, start=date(2024, 1, 1))
    simulate(Path(folder, "landing"), Path(folder, "truth"), shop)


def ours(timer: Timer) -> dict[str, float]:
    """Load the platform's code location."""
    with used(timer) as found:
        import definitions

        definitions.defs().get_repository_def().load_all_definitions()
    return found


def one_asset(timer: Timer) -> dict[str, float]:
    """Load a code location of one asset, its imports at the top as the tutorials have them."""
    with used(timer) as found:
        import dagster_dbt  # noqa: F401
        import dagster_pyspark  # noqa: F401
        from dagster import Definitions, asset

        @asset
        def one() -> None: ...

        Definitions(assets=[one]).get_repository_def().load_all_definitions()
    return found


@contextmanager
def used(timer: Timer) -> Iterator[dict[str, float]]:
    """Time a block, and tell its seconds of CPU and the process's peak memory in bytes."""
    begun, found = time.process_time(), {}
    with timer.running():
        yield found
    found["cpu_seconds"] = time.process_time() - begun
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    typer.run(main)
