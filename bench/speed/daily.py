"""A day of everything by Dagster's runs, beside the same library calls in one plain script.

    python -m bench.speed.daily [--quick]

A simulated shop is worked off until its model is live. Then the same process works off the days
that follow: in turn by `day_steps`, as `leeway run` launches them, and by the calls that do the
assets' work.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import typer
import yaml

from bench.results import ROOT
from bench.speed.child import Timer, alone
from bench.speed.shop import START, finish
from bench.speed.years import BY_DAY, build, dbt, take_days

CUSTOMERS, PAIRS = 1500, 3
HISTORY = 73  # days; after 63 no version is live yet
QUICK_PAIRS = 2


def main(quick: bool = False) -> None:
    """Measure it; the first day of each side warms up and does not count."""
    pairs = QUICK_PAIRS if quick else PAIRS
    with tempfile.TemporaryDirectory() as folder:
        home = {"LEEWAY_HOME": folder, "DBT_PROJECT_DIR": str(project(Path(folder)))}
        spent = alone(days, home, pairs=pairs).found
    medians = {name: median(each[1:]) for name, each in spent.items()}
    ratio = medians["dagster"] / medians["script"]
    finish("daily", {**medians, "ratio": ratio, "days": spent}, quick=quick)


def project(folder: Path) -> Path:
    """Copy the dbt project; its model is content with the rows of a few weeks."""
    copied = folder / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copied, ignore=shutil.ignore_patterns("target", "logs"))
    path = copied / "models" / "exposures.yml"
    declared = yaml.safe_load(path.read_text())
    model = declared["exposures"][0]["config"]["meta"]["model"]
    model["train"]["min_rows"] = 2000
    model["gate"] |= {"test_days": 7, "min_rows": 100}
    path.write_text(yaml.safe_dump(declared))
    return copied


def with_champion(days: int) -> Any:
    """Make dumps of so many days and work off the first `HISTORY`; returns how to go on.

    Raises ValueError unless the model is live then.
    """
    import ledger
    from history import load_history
    from resources.settings import settings
    from simulation.run import simulate
    from simulation.shop import Shop

    home, shop = settings().home, Shop(days=days, customers=CUSTOMERS, seed=3, start=START)
    simulate(home / "landing", home / "truth", shop)
    work = load_history(START, START + timedelta(days=HISTORY - 1), print)
    work.run()
    [model] = work.declaration.models
    if ledger.champion_on(work.lake, model.name, date.max) is None:
        raise ValueError(f"{model.name} has no champion after {HISTORY} days: raise HISTORY")
    return work


def days(_timer: Timer, pairs: int) -> dict[str, list[float]]:
    """Work days off in turn, after a history; returns the seconds of each, by side."""
    work, first = with_champion(HISTORY + 2 * pairs), START + timedelta(days=HISTORY)
    spent: dict[str, list[float]] = {"dagster": [], "script": []}
    sides: dict[str, Callable] = {"dagster": by_dagster, "script": by_script}
    for n in range(2 * pairs):
        name = list(sides)[n % 2]
        begun = perf_counter()
        sides[name](work, first + timedelta(days=n))
        spent[name].append(perf_counter() - begun)
    return spent


def by_dagster(work: Any, day: date) -> None:
    """Launch the day's runs."""
    from launch import launch
    from plan import day_steps

    live = [model.name for model in work.declaration.models]
    for step in day_steps(work.declaration, day, START, live):
        launch(work.definitions, work.instance, step)


def by_script(work: Any, day: date) -> None:
    """Call what does the work of the day's runs."""
    from lifecycle import deciding, losses, rollback, scoring
    from lifecycle.monitoring import watch
    from resources.answers import steady

    lake, registry, [model] = work.lake, work.registry, work.declaration.models
    take_days(work.settings, lake, [day])
    dbt("run", "--exclude", BY_DAY)
    build(day, day, model.features.table)
    scoring.predict(lake, registry, model, [day])
    matured = day - timedelta(days=model.label.horizon_days)
    build(matured, matured, model.label.table)
    losses.measure(lake, model, [matured])
    with steady():
        watch(lake, registry, model, day, work.settings.evidently)
    with steady():
        rollback.by_rule(lake, registry, model, day)
        deciding.decide(lake, model, day, in_flight=False)


if __name__ == "__main__":
    typer.run(main)
