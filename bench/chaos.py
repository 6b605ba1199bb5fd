"""Kill a history at random moments, go on, and compare what is left with an undisturbed one.

    python bench/chaos.py --kills 200 --days 60 --seed 1

`leeway run` works off a simulated greenhouse and is ended by SIGKILL: after its first step, any
moment is as likely as another (its life is exponentially distributed, `--life` seconds on
average). The next one goes on. A finished home is compared, a fresh one begun, until all kills are
done. Exit status 1 where anything differs.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from bench.comparison import State, differences, state_of
from bench.greenhouse import FIRST, land, make_project

STEP = "step: "
RUN = f"""
import sys
from datetime import date
from history import load_history
first, last = map(date.fromisoformat, sys.argv[1:])
load_history(first, last, lambda step: print("{STEP}" + step, flush=True)).run()
"""  # `leeway run`, its steps one per line


@dataclass(frozen=True)
class Operator:
    """Starts `leeway run` over one landing folder, in homes of its own."""

    place: Path
    days: int

    def start(self, home: Path) -> subprocess.Popen:
        """A run in a process group of its own, so that a kill hits nobody else."""
        home.mkdir(exist_ok=True)
        mine = {
            "LEEWAY_HOME": home, "LEEWAY_LANDING": self.place / "landing",
            "DBT_PROJECT_DIR": self.place / "dbt_project",
            "LEEWAY_PII_KEY": "only for chaos", "LEEWAY_THREADS": 1,
            "GIT_DIR": self.place / "none",  # a commit meanwhile would be another training set
        }  # fmt: skip
        last = FIRST + timedelta(days=self.days - 1)
        with (home / "output.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-c", RUN, str(FIRST), str(last)],
                env={**os.environ, **{name: str(value) for name, value in mine.items()}},
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip


def main(
    kills: Annotated[int, typer.Option(min=1)] = 200,
    days: Annotated[int, typer.Option(min=1)] = 60,
    seed: Annotated[int, typer.Option()] = 1,
    life: Annotated[float, typer.Option(min=0.1)] = 10,
) -> None:
    """Print a line per kill and per finished home, then where the kills hit."""
    chance, where, wrong, done, homes = random.Random(seed), Counter[str](), 0, 0, 0
    with scratch() as place:
        keeper = prepared(place, days)
        began = time.monotonic()
        finish(keeper, place / "undisturbed")
        length = time.monotonic() - began
        wanted = state_of(place / "undisturbed")
        require_lived(wanted)
        print(
            f"an undisturbed run takes {length:.0f} s and leaves {len(wanted)} tables", flush=True
        )
        while done < kills:
            home, homes = place / f"home{homes}", homes + 1
            while done < kills and killed(keeper, home, chance.expovariate(1 / life)):
                done += 1
                where[moment(home)] += 1
                print(f"kill {done} of {kills}: {moment(home)}", flush=True)
            finish(keeper, home)
            wrong += told(wanted, home)
            shutil.rmtree(home)
    for step, count in where.most_common():
        print(f"{count:4} kills in {step}")
    print(f"{done} kills, {homes} homes, {wrong} differences")
    sys.exit(wrong > 0)


def require_lived(state: State) -> None:
    """An undisturbed run without promotions and predictions would prove nothing."""
    models = [name for name in state if name.startswith("mlflow.")]
    predicted = [name for name, rows in state.items() if name.endswith("_predictions") and rows]
    if not models or not predicted or state["ledger.promotions"].total() < 2:
        sys.exit(f"the undisturbed run has made too little: {sorted(state)}")


def killed(keeper: Operator, home: Path, seconds: float) -> bool:
    """Run for a while and kill the command alone; its children have to end by themselves."""
    steps = steps_of(home)
    process = keeper.start(home)
    while process.poll() is None and steps_of(home) == steps:
        time.sleep(0.1)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    if process.returncode:
        stop(home)
    return False


def finish(keeper: Operator, home: Path) -> None:
    """Run to the end."""
    if keeper.start(home).wait():
        stop(home)


def stop(home: Path) -> None:
    """End with what the command said: a run after a kill has to succeed."""
    sys.exit(f"a run in {home} failed:\n{(home / 'output.log').read_text()[-5000:]}")


def steps_of(home: Path) -> list[str]:
    """Return the steps that the home's commands have begun."""
    log = home / "output.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.removeprefix(STEP) for line in lines if line.startswith(STEP)]


def moment(home: Path) -> str:
    """Return the last step that the command had begun."""
    steps = steps_of(home)
    return re.sub(r"\d{4}-\d\d(-\d\d)?|\.\.", "", steps[-1]).strip()


def told(wanted: State, home: Path) -> int:
    """Print and count what differs."""
    found = differences(wanted, state_of(home))
    for line in found:
        print(f"  DIFFERENT {line}", flush=True)
    print(f"{home.name}: {len(found)} differences", flush=True)
    return len(found)


def prepared(place: Path, days: int) -> Operator:
    """Make landing files and a dbt project whose model soon goes live."""
    land(place / "landing", days)
    make_project(place / "dbt_project", every_days=7)
    return Operator(place, days)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that stays only where something went wrong."""
    place = Path(tempfile.mkdtemp(prefix="leeway-chaos-"))
    yield place
    shutil.rmtree(place)


if __name__ == "__main__":
    typer.run(main)
