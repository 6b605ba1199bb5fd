"""A history is killed at every named moment; what is left equals an undisturbed one."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bench.comparison import differences, state_of
from bench.greenhouse import FIRST, SENSORS, land, make_project
from commit_points import POINTS, STATUS, VARIABLE
from resources.settings import CHECKOUT

TO_THE_END, NO_MLFLOW = f"{VARIABLE}=", "LEEWAY_MLFLOW_URI=http://127.0.0.1:9"
DAYS = 20
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
            "GIT_DIR": home / "none",  # a commit while this runs would be another training set
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
    land(folder / "landing", DAYS)
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
    assert f"MLflow does not answer at {NO_MLFLOW.split('=')[1]}" in (killed / "log").read_text()
    state, healed = state_of(undisturbed), state_of(killed)
    [failure] = healed["ledger.alerts"] - state["ledger.alerts"]  # MLflow's, the only real one
    assert "run_failed" in failure
    healed["ledger.alerts"] -= {failure: 1}
    assert differences(state, healed) == []
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
