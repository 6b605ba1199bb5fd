"""`leeway quarantine` and `leeway release` on a home of their own, by real Dagster runs."""

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, RunsFilter
from typer.testing import CliRunner

from cli import app
from definitions import build
from errors import DeliveryError
from launch import launch
from plan import over
from resources.settings import CHECKOUT, settings
from simulation.run import simulate
from simulation.shop import Shop

FIRST = date(2024, 1, 1)
LAST = FIRST + timedelta(days=3)
RIGHT, WRONG = "[A-Z]?[0-9]{6,9}", "[0-9]{5}"


@pytest.fixture
def contract(home: Path, tmp_path: Path) -> Path:
    """The file of the contract in a copy of the dbt project; one pattern in it is wrong."""
    project = tmp_path / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs")
    shutil.copytree(CHECKOUT / "dbt_project", project, ignore=ignored)
    os.environ |= {"LEEWAY_START": str(FIRST), "DBT_PROJECT_DIR": str(project)}
    path = project / "models" / "staging" / "shop" / "_shop__sources.yml"
    path.write_text(path.read_text().replace(RIGHT, WRONG))
    simulate(home / "landing", home / "truth", Shop(days=4, customers=30, seed=3, start=FIRST))
    return path


def say(*arguments: str) -> str:
    """What a command prints; it reads the project anew where its files are others."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return " ".join(result.output.split())


@pytest.mark.slow
def test_a_repaired_contract_is_replayed_and_a_withdrawn_day_released(
    contract: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ingest = over("ingest", FIRST, LAST)
    instance = DagsterInstance.from_config(str(settings().dagster_home))
    launch(build(settings()), instance, ingest)
    assert "invoice: matches" in say("quarantine", "order_lines")
    assert "reject rate 100.0%" in say("status")
    assert "nothing to replay" in say("quarantine", "order_lines", "--replay")

    contract.write_text(contract.read_text().replace(WRONG, RIGHT))
    assert "held → published" in say("quarantine", "order_lines", "--replay")
    assert "no rejected rows" in say("quarantine", "order_lines")
    assert len(instance.get_runs(RunsFilter(job_name="ingest"))) >= 2

    (home / "landing" / "order_lines" / f"{FIRST + timedelta(days=1)}.csv.gz").unlink()
    launch(build(settings()), instance, ingest)
    with pytest.raises(
        DeliveryError, match=r"Held days of order_lines:\n  2024-01-02: the file is"
    ):
        say("release", "order_lines", str(FIRST), "--why", "it was a holiday")
    told = say("release", "order_lines", "2024-01-02", "--why", "it was a holiday")
    assert "order_lines 2024-01-02 is released: 0 rows, known from 2024-01-04 on" in told
    with pytest.raises(DeliveryError, match="did you mean 'order_lines'"):
        say("release", "order_line", "2024-01-02", "--why", "it was a holiday")
