"""A history is killed at every named moment; what is left equals an undisturbed one."""

import re
from pathlib import Path

import pytest

from bench.comparison import differences, state_of
from bench.greenhouse import SENSORS, land, make_project
from bench.runner import Runner
from commit_points import POINTS, STATUS, VARIABLE
from resources.settings import CHECKOUT

NO_MLFLOW = "LEEWAY_MLFLOW_URI=http://127.0.0.1:9"
ALERTS = {"LEEWAY_ALERT_URLS": "json://127.0.0.1:9/"}
DAYS = 20
ELSEWHERE = {"rollback-kept"}  # no champion fails here: tests/lifecycle/test_rollback.py


@pytest.mark.slow
def test_a_history_that_dies_at_every_commit_point_equals_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    land(tmp_path / "landing", DAYS)
    make_project(tmp_path / "dbt_project")
    undisturbed = Runner(tmp_path, tmp_path / "undisturbed", DAYS, ALERTS)
    assert undisturbed.run() == 0, undisturbed.tail()
    undisturbed.close()
    ways = [f"{VARIABLE}={point}" for point in POINTS if point not in ELSEWHERE]
    ways.insert(ways.index(f"{VARIABLE}=candidate-logged"), NO_MLFLOW)
    killed = Runner(tmp_path, tmp_path / "killed", DAYS, ALERTS)
    for way in ways:
        assert killed.run(way) == (1 if way == NO_MLFLOW else STATUS), (way, killed.tail())
    assert killed.run() == 0, killed.tail()
    killed.close()
    assert f"MLflow does not answer at {NO_MLFLOW.split('=')[1]}" in killed.log.read_text()
    state, healed = state_of(tmp_path / "undisturbed"), state_of(tmp_path / "killed")
    [failure] = healed["ledger.alerts"] - state["ledger.alerts"]  # MLflow's, the only real one
    assert "run_failed" in failure
    healed["ledger.alerts"] -= {failure: 1}
    assert differences(state, healed) == []
    assert state["ml.frost_predictions"].total() == 6 * SENSORS
    assert state["mlflow.frost"].total() == 2


def test_every_commit_point_is_somewhere_in_the_code() -> None:
    code = "".join(path.read_text() for path in (CHECKOUT / "platform").rglob("*.py"))
    called = set(re.findall(r"""reached\(f?"([^"]+)"\)""", code))
    kinds = {"candidate", "refit"}
    named = {re.sub(r"\{.*?\}", kind, name) for name in called for kind in kinds}
    assert named == set(POINTS)
