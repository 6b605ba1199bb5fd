"""One more day of features after half a year, one year and five of history: time and peak memory.

    python -m bench.speed.growth [--quick]

Three homes end on the same day of the same simulated shop. Their last day's features are built by
the job that daily work runs: turn by turn, so that all share the machine's good and bad minutes,
each time thrice in a fresh process, whose first build warms up.
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import typer

from bench.speed.child import Cost, Timer, alone
from bench.speed.shop import finish, simulated
from bench.speed.years import YEAR, with_features

BEGIN = date(2019, 1, 1)  # five years of days that are over
LINES_A_YEAR = 50_000
DAYS = {"half_a_year": YEAR // 2, "one_year": YEAR, "five_years": 5 * YEAR}
QUICK_DAYS = {"half_a_year": 10, "one_year": 20, "five_years": 100}
ROUNDS, BUILDS = 3, 4


def main(quick: bool = False) -> None:
    """Make the homes, then build their last day in turn; quick: in days what is else in months."""
    kept = QUICK_DAYS if quick else DAYS
    last = BEGIN + timedelta(days=max(kept.values()) - 1)
    with tempfile.TemporaryDirectory() as folder:
        homes = made(Path(folder), kept, last)
        rounds = [
            {name: alone(last_day, home, day=last) for name, home in homes.items()}
            for _ in range(1 if quick else ROUNDS)
        ]
    finish("growth", figures(rounds), quick=quick)


def made(folder: Path, kept: Mapping[str, int], last: date) -> dict[str, dict[str, str]]:
    """Make homes of so many days up to `last`, the longest first and two at a time.

    Returns the settings that lead to each.
    """
    longest = max(kept.values())
    landing = simulated(folder, max(LINES_A_YEAR * longest // YEAR, 20_000), longest, BEGIN)
    homes = {
        name: {
            "LEEWAY_HOME": f"{folder}/{name}", "LEEWAY_LANDING": str(landing),
            "LEEWAY_START": str(last - timedelta(days=days - 1)),
        }
        for name, days in kept.items()
    }  # fmt: skip

    def make(home: dict[str, str]) -> Cost:
        return alone(with_features, home, first=home["LEEWAY_START"], last=last)

    with ThreadPoolExecutor(2) as beside:
        list(beside.map(make, reversed(homes.values())))
    return homes


def figures(rounds: Sequence[Mapping[str, Cost]]) -> dict:
    """What each home takes, and the two ratios that the goals are about.

    Of the builds of one process the fastest counts, as other work of the machine only adds; times
    are compared within a round.
    """
    fastest = [{name: min(cost.found) for name, cost in costs.items()} for costs in rounds]
    peaks = {name: max(costs[name].peak for costs in rounds) for name in rounds[0]}
    found = {
        name: {"seconds": median(each[name] for each in fastest), "peak": peak}
        for name, peak in peaks.items()
    }
    ratios = [each["five_years"] / each["one_year"] for each in fastest]
    return {
        **found,
        "ratios_of_seconds": ratios,
        "ratio_of_seconds": median(ratios),
        "ratio_of_peaks": peaks["five_years"] / peaks["half_a_year"],
    }


def last_day(_timer: Timer, day: str) -> list[float]:
    """Build a day's features by the job, again and again; returns seconds, the first left out."""
    from time import perf_counter

    from dagster import DagsterInstance

    from definitions import build
    from launch import launch
    from plan import over
    from resources.settings import settings

    definitions, instance = build(settings()), DagsterInstance.get()
    spent, on = [], date.fromisoformat(day)
    for _ in range(BUILDS):
        begun = perf_counter()
        launch(definitions, instance, over("features", on, on))
        spent.append(perf_counter() - begun)
    return spent[1:]


if __name__ == "__main__":
    typer.run(main)
