from datetime import UTC, datetime, timedelta

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    SkipReason,
)

from errors import SetupError
from launch import LAUNCHER_TAG, held_lock
from resources.settings import Settings, settings
from sensors.weekly import asked, due, last_success
from sensors.weekly_upkeep import start, upkeep_job, weekly_upkeep

NOW = datetime(2024, 5, 1, 3, 30, tzinfo=UTC)


@pytest.fixture
def location(lake, tmp_path) -> Definitions:
    settings = Settings(home=tmp_path)
    job = upkeep_job(settings, [])
    return Definitions(
        jobs=[job], schedules=[weekly_upkeep(job, "UTC")], resources={"lake": lake}
    )  # fmt: skip


def test_a_lake_that_was_never_looked_after_is_due() -> None:
    found = due(None, NOW, going=0, name="upkeep")
    assert isinstance(found, RunRequest)
    assert found.run_key == "upkeep:2024-05-01"


@pytest.mark.parametrize(("hours", "is_due"), [(24, False), (6 * 24, False), (7 * 24, True)])
def test_it_is_due_in_the_night_a_week_after_the_last(hours: int, is_due: bool) -> None:
    last = NOW - timedelta(hours=hours) + timedelta(minutes=40)  # it took that long
    assert isinstance(due(last, NOW, going=0, name="upkeep"), RunRequest) is is_due


def test_it_waits_a_night_while_other_runs_are_going() -> None:
    found = due(None, NOW, going=2, name="upkeep")
    assert isinstance(found, SkipReason)
    assert found.skip_message == "2 runs are going: tomorrow again"


def test_the_job_works_and_the_schedule_then_waits_a_week(location, instance) -> None:
    done = run(location, instance)
    assert done.success
    figures = done.get_step_success_events()
    assert figures
    after = datetime.now(UTC) + timedelta(days=1)
    assert isinstance(asked(instance, after, "upkeep"), SkipReason)
    assert isinstance(asked(instance, after + timedelta(days=6), "upkeep"), RunRequest)


def test_it_does_not_work_while_a_command_works_in_the_home(location, instance, tmp_path) -> None:
    with held_lock(tmp_path):
        done = run(location, instance)
    assert not done.success
    (event,) = done.get_step_failure_events()
    assert "another `leeway run` works in" in event.step_failure_data.error.cause.message
    assert last_success(instance, "upkeep") is None


def test_a_run_that_is_going_keeps_the_schedule_waiting(location, instance) -> None:
    job = location.resolve_job_def("upkeep")
    instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    assert isinstance(asked(instance, NOW, "upkeep"), SkipReason)


@pytest.mark.slow
def test_the_command_gives_back_what_a_killed_one_has_kept_and_works(location, home) -> None:
    (home / "landing").mkdir(parents=True)
    with DagsterInstance.from_config(str(settings().dagster_home)) as instance:
        job = location.resolve_job_def("upkeep")
        left = instance.create_run_for_job(job, tags={LAUNCHER_TAG: "leeway run"}).run_id
        instance.event_log_storage.set_concurrency_slots("heavy", 1)
        instance.event_log_storage.claim_concurrency_slot("heavy", left, "keep_up")
        assert "leftovers_removed" in start()
        assert instance.get_run_by_id(left).is_failure


def test_the_command_is_refused_at_once_while_another_works(home) -> None:
    refused = pytest.raises(SetupError, match="another `leeway run` works in")
    with held_lock(settings().home), refused:
        start()


def run(location: Definitions, instance: DagsterInstance):
    job = location.resolve_job_def("upkeep")
    return job.execute_in_process(instance=instance, raise_on_error=False)
