"""A history is killed at every named moment; what is left equals an undisturbed one."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.comparison import differences, state_of
from commit_points import POINTS, STATUS, VARIABLE
from resources.settings import CHECKOUT

PROJECT = Path(__file__).parent / "projects" / "other"
TO_THE_END, NO_MLFLOW = f"{VARIABLE}=", "LEEWAY_MLFLOW_URI=http://127.0.0.1:9"
FIRST, DAYS, SENSORS = date(2024, 3, 1), 20, 120
# Imports cost more than the work, so they are done once; every line of stdin is one forked process.
RUNNER = f"""
import os, sys
import dagster_dbt, mlflow, pyspark, torch
import history, definitions, lifecycle.promotion
from datetime import date
def run():
    history.load_history(date({FIRST:%Y, %-m, %-d}), date.fromisoformat(sys.argv[1]), print).run()
for line in sys.stdin:
    if not os.fork():
        os.environ.update([line.strip().split("=", 1)])
        try:
            run()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.wait()
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


def land(landing: Path) -> None:
    """Sensors freeze on the day after a mean temperature near 10 degrees: no straight line."""
    rng = np.random.default_rng(3)
    (landing / "readings").mkdir(parents=True)
    base = rng.uniform(2, 18, (DAYS, SENSORS)).round(2)
    frost = rng.random((DAYS, SENSORS)) < np.where(
        np.abs(np.roll(base, 1, 0) - 10) < 2.5, 0.95, 0.01
    )
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        lines = ["Sensor,read_at,celsius,gardener"]
        for sensor in range(SENSORS):
            low = -5 if frost[n, sensor] else base[n, sensor]
            lines.append(f"s{sensor:03},{day} 06:00:00,{low},Rosa")
            lines.append(f"s{sensor:03},{day} 12:00:00,{base[n, sensor]},Iris")
        (landing / "readings" / f"{day}.csv").write_text("\n".join(lines) + "\n")


def make_project(folder: Path) -> Path:
    """The greenhouse's project, content with few rows."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("logs", "target"))
    settings = yaml.safe_load((folder / "dbt_project.yml").read_text())
    settings["macro-paths"] = [str(CHECKOUT / "dbt_project" / "macros")]
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    path = folder / "models" / "features" / "features.yml"
    declared = yaml.safe_load(path.read_text())
    model = declared["exposures"][0]["config"]["meta"]["model"]
    model |= {"train": {"min_rows": 300, "every_days": 1}}
    model |= {"gate": {"test_days": 3, "min_rows": 100}}
    path.write_text(yaml.safe_dump(declared))
    return folder


@dataclass
class Greenhouse:
    """Starts `leeway run` again and again, each in a process of its own."""

    project: Path
    landing: Path

    def runs(self, home: Path, variables: list[str]) -> list[int]:
        """Exit statuses of a run for every assignment of a variable, one after another."""
        home.mkdir()
        paths = os.pathsep.join([str(CHECKOUT / "platform"), str(CHECKOUT)])
        mine = {
            "LEEWAY_HOME": home, "LEEWAY_LANDING": self.landing, "DBT_PROJECT_DIR": self.project,
            "LEEWAY_PII_KEY": "only for tests", "LEEWAY_THREADS": 1, "PYTHONPATH": paths,
            "LEEWAY_ALERT_URLS": "json://127.0.0.1:9/", "DAGSTER_HOME": home / "dagster",
        }  # fmt: skip
        last = FIRST + timedelta(days=DAYS - 1)
        with (home / "log").open("w") as log:
            done = subprocess.run(
                [sys.executable, "-c", RUNNER, str(last)],
                input="".join(f"{variable}\n" for variable in variables),
                env={**os.environ, **{name: str(value) for name, value in mine.items()}},
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        ends = [line for line in done.stdout.splitlines() if line.startswith("ended ")]
        return [int(line.removeprefix("ended ")) for line in ends]


@pytest.fixture(scope="module")
def greenhouse(tmp_path_factory: pytest.TempPathFactory) -> Greenhouse:
    folder = tmp_path_factory.mktemp("greenhouse")
    land(folder / "landing")
    return Greenhouse(make_project(folder / "project"), folder / "landing")


@pytest.mark.slow
def test_a_history_that_dies_at_every_commit_point_equals_an_undisturbed_one(
    greenhouse: Greenhouse, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert greenhouse.runs(undisturbed, [TO_THE_END]) == [0], told(undisturbed)
    ways = [f"{VARIABLE}={point}" for point in POINTS]
    ways.insert(list(POINTS).index("candidate-logged"), NO_MLFLOW)
    found = greenhouse.runs(killed, [*ways, TO_THE_END])
    wanted = [1 if way == NO_MLFLOW else STATUS for way in ways] + [0]
    assert found == wanted, told(killed)
    assert f"MLflow does not answer at {NO_MLFLOW.split('=')[1]}" in told(killed)
    state = state_of(undisturbed)
    assert differences(state, state_of(killed)) == []
    assert state["ml.frost_predictions"].total() == 6 * SENSORS
    assert state["mlflow.frost"].total() == 2


def told(home: Path) -> str:
    """What the processes said."""
    return (home / "log").read_text()[-20_000:]


def test_every_commit_point_is_somewhere_in_the_code() -> None:
    code = "".join(path.read_text() for path in (CHECKOUT / "platform").rglob("*.py"))
    called = set(re.findall(r"""reached\(f?"([^"]+)"\)""", code))
    kinds = {"candidate", "refit"}
    named = {re.sub(r"\{.*?\}", kind, name) for name in called for kind in kinds}
    assert named == set(POINTS)
