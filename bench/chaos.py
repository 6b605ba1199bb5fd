"""Kill a history at random moments, go on, and compare what is left with an undisturbed one.

    python bench/chaos.py --kills 200 --days 60 --seed 1

`leeway run` works off a simulated greenhouse and is ended by SIGKILL at a random moment: in its
first to third step (a month of ingest, a training, a day's decision), and a while into it or beyond
its end, for on average as long as an undisturbed step takes. The next one goes on. A finished home
is compared, a fresh one begun, until all kills are done. Exit status 1 where anything differs.
"""

import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bench.comparison import State, differences, state_of
from bench.greenhouse import land, make_project
from bench.runner import Runner

MOST_STEPS = 3  # that a run may begin before it is killed


def main(
    kills: Annotated[int, typer.Option(min=1)] = 200,
    days: Annotated[int, typer.Option(min=1)] = 60,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Print a line per kill and per finished home, then where the kills hit."""
    chance, where, wrong, done, homes = random.Random(seed), Counter[str](), 0, 0, 0
    with scratch() as place:
        land(place / "landing", days)
        make_project(place / "dbt_project", every_days=7)
        wanted, step = undisturbed(place, days)
        while done < kills:
            homes += 1
            runner = Runner(place, place / f"home{homes}", days)
            while done < kills and killed(runner, chance, step):
                done += 1
                where[moment(runner)] += 1
                print(f"kill {done} of {kills}: {moment(runner)}", flush=True)
            wrong += told(wanted, finished(runner, place / f"home{homes}"), f"home {homes}")
            shutil.rmtree(place / f"home{homes}")
    for step, count in where.most_common():
        print(f"{count:4} kills in {step}")
    print(f"{done} kills, {homes} homes, {wrong} differences")
    sys.exit(wrong > 0)


def undisturbed(place: Path, days: int) -> tuple[State, float]:
    """Run without a kill; one without promotions and predictions would prove nothing.

    Returns what is left, and how many seconds a step takes.
    """
    began, runner = time.monotonic(), Runner(place, place / "undisturbed", days)
    state = finished(runner, place / "undisturbed")
    length = time.monotonic() - began
    models = [name for name in state if name.startswith("mlflow.")]
    predicted = [name for name, rows in state.items() if name.endswith("_predictions") and rows]
    if not models or not predicted or state["ledger.promotions"].total() < 2:
        sys.exit(f"the undisturbed run has made too little: {sorted(state)}")
    print(
        f"undisturbed: {length:.0f} s, {len(runner.steps)} steps, {len(state)} tables", flush=True
    )
    return state, length / len(runner.steps)


def killed(runner: Runner, chance: random.Random, step: float) -> bool:
    """Run for a while; returns whether the run was killed, or had ended before."""
    life, last = chance.expovariate(1 / step), chance.randint(1, MOST_STEPS)
    status = runner.run(life=life, in_step=last)
    if status not in (0, -signal.SIGKILL):
        sys.exit(f"a run after a kill has failed:\n{runner.tail()}")
    return status != 0


def finished(runner: Runner, home: Path) -> State:
    """Run to the end and return what is left."""
    if runner.run():
        sys.exit(f"a run has failed:\n{runner.tail()}")
    runner.close()
    return state_of(home)


def moment(runner: Runner) -> str:
    """Return the last step that the run had begun, without its days."""
    return re.sub(r"\d{4}-\d\d(-\d\d)?|\.\.", "", runner.steps[-1]).strip()


def told(wanted: State, state: State, name: str) -> int:
    """Print and count what differs."""
    found = differences(wanted, state)
    for line in found:
        print(f"  DIFFERENT {line}", flush=True)
    print(f"{name}: {len(found)} differences", flush=True)
    return len(found)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that stays only where something went wrong."""
    place = Path(tempfile.mkdtemp(prefix="leeway-chaos-"))
    yield place
    shutil.rmtree(place)


if __name__ == "__main__":
    typer.run(main)
