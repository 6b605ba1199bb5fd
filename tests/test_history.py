"""The whole loop through real Dagster runs, on a shop small enough for a test."""

import os
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from errors import SetupError
from examples import labelled
from history import History, check_span, load_history
from launch import LAUNCHER_TAG, fail_orphans, held_lock
from resources.lake import Lake
from resources.settings import CHECKOUT, settings
from simulation.run import simulate
from simulation.shop import Shop
from status import status

FIRST, DAYS = date(2024, 1, 1), 78
LAST = FIRST + timedelta(days=DAYS - 1)


class StoppedHereError(Exception):
    """Stands for the operator's Ctrl-C at a chosen step."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default dbt project, content with the few rows of a small shop."""
    folder = tmp_path_factory.mktemp("dbt") / "dbt_project"
    shutil.copytree(CHECKOUT / "dbt_project", folder, ignore=shutil.ignore_patterns("target"))
    path = folder / "models" / "exposures.yml"
    declared = yaml.safe_load(path.read_text())
    model = declared["exposures"][0]["config"]["meta"]["model"]
    model["train"]["min_rows"] = 400
    model["gate"] |= {"test_days": 7, "min_rows": 100}
    path.write_text(yaml.safe_dump(declared))
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[list[str]]:
    """Work a history off, interrupted once; yields the names of the steps of the second attempt."""
    home = tmp_path_factory.mktemp("home")
    simulate(home / "landing", home / "truth", Shop(days=DAYS, customers=150, seed=3, start=FIRST))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEEWAY_HOME", str(home))
        patch.setenv("LEEWAY_START", FIRST.isoformat())
        patch.setenv("DBT_PROJECT_DIR", str(project))
        settings.cache_clear()
        before = dict(os.environ)
        with pytest.raises(StoppedHereError):
            opened(interrupt_at="features").run()
        steps: list[str] = []
        opened(steps).run()
        yield steps
        settings.cache_clear()
        os.environ.clear()
        os.environ.update(before)


def built_by_now(lake: Lake, table: str) -> list[date]:
    """Days of a table, whatever made them."""
    rows = lake.rows("select day from ledger.partitions where table_name = ?", [table])
    return [row["day"] for row in rows]


def opened(steps: list[str] | None = None, interrupt_at: str | None = None) -> History:
    """A history that notes its steps and stops before the one that is named."""

    def tell(step: str) -> None:
        if interrupt_at and step.startswith(interrupt_at):
            raise StoppedHereError(step)
        if steps is not None:
            steps.append(step)

    return load_history(FIRST, LAST, tell)


@pytest.mark.slow
def test_an_interrupted_history_goes_on_where_it_stopped(told: list[str]) -> None:
    assert not [step for step in told if step.startswith("ingest")]
    assert not [step for step in told if step.startswith("history")]
    assert told[0] == "views"
    assert told[1].startswith("features")


@pytest.mark.slow
def test_every_line_of_every_file_is_accepted_or_quarantined(told: list[str]) -> None:
    world = opened()
    found = status(world.lake, world.declaration).tables["order_lines"]
    assert found.days == DAYS
    assert found.rows_accepted + found.rows_quarantined == found.rows_read > 0
    assert found.rows_quarantined > 0
    stored = world.lake.rows("select count(*) as rows from raw.order_lines")[0]["rows"]
    rejects = world.lake.rows("select count(*) as rows from quarantine.order_lines")[0]["rows"]
    assert (stored, rejects) == (found.rows_accepted, found.rows_quarantined)


@pytest.mark.slow
def test_labels_end_where_they_have_matured_and_features_go_on(told: list[str]) -> None:
    lake = opened().lake
    assert max(built_by_now(lake, "customer_features")) == LAST
    assert max(built_by_now(lake, "customer_labels")) == LAST - timedelta(days=14)


@pytest.mark.slow
def test_a_candidate_was_trained_by_the_sensor_and_judged_by_the_gate(told: list[str]) -> None:
    world = opened()
    found = status(world.lake, world.declaration).models["repeat_purchase"]
    assert found.trainings >= 1
    assert found.promotions[-1].reasons
    runs = world.instance.get_runs(RunsFilter(job_name="repeat_purchase_training"))
    assert {run.status for run in runs} == {DagsterRunStatus.SUCCESS}
    assert all("first model" in run.tags["leeway/reason"] for run in runs[-1:])


@pytest.mark.slow
def test_a_finished_history_has_nothing_left_but_to_look(told: list[str]) -> None:
    again: list[str] = []
    world = opened(again)
    snapshot = world.lake.read("select * from ledger.decisions order by as_of")
    world.run()
    assert again == []
    assert world.lake.read("select * from ledger.decisions order by as_of").equals(snapshot)


@pytest.mark.slow
def test_labels_that_have_matured_since_leave_the_features_of_their_days_alone(
    told: list[str],
) -> None:
    """Features that are built again are another build, and nobody has accepted that one."""
    lake, again = opened().lake, []
    matured = LAST - timedelta(days=14)
    forget = "delete from ledger.partitions where table_name = 'customer_labels' and day > ?"
    lake.transact(lambda connection: connection.execute(forget, [matured - timedelta(days=3)]))
    query = """select day, written_at from ledger.partitions
    where table_name = 'customer_features' order by day"""
    before = lake.read(query)
    opened(again).load()
    assert again == ["views", f"history {matured - timedelta(days=2)}..{matured}"]
    assert max(built_by_now(lake, "customer_labels")) == matured
    assert lake.read(query).equals(before)


@pytest.mark.slow
def test_training_rows_are_the_same_however_often_they_are_read(told: list[str]) -> None:
    world = opened()
    model, days = world.declaration.models[0], [FIRST + timedelta(days=n) for n in (40, 47, 54)]
    assert labelled(world.lake, model, days).equals(labelled(world.lake, model, days))


def test_two_commands_cannot_work_in_one_home(tmp_path: Path) -> None:
    refused = pytest.raises(SetupError, match="another `leeway run` works")
    with held_lock(tmp_path), refused, held_lock(tmp_path):
        pytest.fail("the lock was given twice")


def test_a_run_whose_process_was_killed_is_marked_as_failed(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    left = instance.create_run(
        job_name="anything", run_id=None, status=DagsterRunStatus.STARTED,
        tags={LAUNCHER_TAG: "leeway run"}, run_config={}, step_keys_to_execute=None,
        root_run_id=None, parent_run_id=None, job_snapshot=None, execution_plan_snapshot=None,
        parent_job_snapshot=None, asset_selection=None, asset_check_selection=None,
        resolved_op_selection=None, op_selection=None, remote_job_origin=None,
        job_code_origin=None, asset_graph=None,
    )  # fmt: skip
    fail_orphans(instance, tmp_path)
    found = instance.get_run_by_id(left.run_id)
    assert found is not None
    assert found.status is DagsterRunStatus.FAILURE


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SetupError, match="give days in order"):
        check_span(date(2024, 2, 1), date(2024, 1, 1), FIRST)


def test_a_span_before_the_first_partition_is_refused() -> None:
    with pytest.raises(SetupError, match="from 2024-01-01"):
        check_span(date(2023, 12, 31), date(2024, 1, 5), FIRST)
