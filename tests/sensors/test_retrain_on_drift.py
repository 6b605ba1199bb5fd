import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    SkipReason,
    asset,
    build_sensor_context,
    define_asset_job,
)

import ledger
from assets.partitions import daily
from declared import declared
from launch import launch
from plan import ATTEMPT_TAG, DAY_TAG, MODEL_TAG, ORPHAN_TAG
from resources.lake import Lake
from sensors.retrain_on_drift import requested, retrain_on_drift

DAY, JOB = date(2024, 5, 1), "repeat_purchase_training"


def decision(kind: str = "retrain", day: date = DAY) -> dict[str, Any]:
    reasons = json.dumps(["performance: loss 0.7, usually 0.5"])
    return {
        "model": "repeat_purchase", "as_of": day, "kind": kind, "lane": "alarm", "reasons": reasons,
    }  # fmt: skip


def run(status: DagsterRunStatus, attempt: int = 1, day: date = DAY) -> DagsterRun:
    tags = {MODEL_TAG: "repeat_purchase", DAY_TAG: str(day), ATTEMPT_TAG: str(attempt)}
    return DagsterRun(job_name=JOB, status=status, tags=tags)


def test_a_retrain_decision_asks_for_a_training_of_its_day() -> None:
    request = requested(decision(), [], max_attempts=3)
    assert isinstance(request, RunRequest)
    assert (request.job_name, request.partition_key) == (JOB, "2024-05-01")
    assert request.run_key == "repeat_purchase:2024-05-01:alarm:1"
    assert "loss 0.7" in request.tags["leeway/reason"]


def test_two_ticks_ask_for_the_same_run() -> None:
    first, second = (requested(decision(), [], max_attempts=3) for _ in range(2))
    assert first == second


def test_a_failed_run_leads_to_the_next_attempt() -> None:
    request = requested(decision(), [run(DagsterRunStatus.FAILURE)], max_attempts=3)
    assert isinstance(request, RunRequest)
    assert request.run_key == "repeat_purchase:2024-05-01:alarm:2"
    assert request.tags[ATTEMPT_TAG] == "2"


def test_a_canceled_run_counts_as_an_attempt() -> None:
    request = requested(decision(), [run(DagsterRunStatus.CANCELED)], max_attempts=3)
    assert isinstance(request, RunRequest)
    assert request.tags[ATTEMPT_TAG] == "2"


def test_after_the_last_attempt_a_person_is_asked() -> None:
    failed = [run(DagsterRunStatus.FAILURE, attempt) for attempt in (1, 2, 3)]
    skipped = requested(decision(), failed, max_attempts=3)
    assert isinstance(skipped, SkipReason)
    assert "3 attempts have failed" in str(skipped.skip_message)


def test_runs_whose_process_was_killed_count_as_no_attempts() -> None:
    killed = [run(DagsterRunStatus.FAILURE, attempt) for attempt in (1, 2, 3)]
    killed = [found.with_tags({**found.tags, ORPHAN_TAG: "true"}) for found in killed]
    request = requested(decision(), killed, max_attempts=3)
    assert isinstance(request, RunRequest)
    assert request.tags[ATTEMPT_TAG] == "4"


@pytest.mark.parametrize(
    "status",
    [
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ],
)
def test_while_a_training_of_any_day_is_going_none_is_started(status: DagsterRunStatus) -> None:
    earlier = run(status, day=date(2024, 4, 24))
    skipped = requested(decision(), [earlier], max_attempts=3)
    assert isinstance(skipped, SkipReason)
    assert earlier.run_id in str(skipped.skip_message)


def test_a_day_that_was_trained_is_not_trained_again() -> None:
    skipped = requested(decision(), [run(DagsterRunStatus.SUCCESS)], max_attempts=3)
    assert isinstance(skipped, SkipReason)
    assert "trained already" in str(skipped.skip_message)


def test_trainings_of_other_days_are_no_attempts_of_this_one() -> None:
    others = [run(DagsterRunStatus.FAILURE, day=date(2024, 4, n)) for n in (1, 2, 3)]
    others.append(run(DagsterRunStatus.SUCCESS, day=date(2024, 4, 24)))
    request = requested(decision(), others, max_attempts=3)
    assert isinstance(request, RunRequest)
    assert request.tags[ATTEMPT_TAG] == "1"


@pytest.mark.parametrize("kind", ["incident", "wait", "none"])
def test_any_other_decision_asks_for_nothing_and_says_why(kind: str) -> None:
    skipped = requested(decision(kind), [], max_attempts=3)
    assert isinstance(skipped, SkipReason)
    assert str(skipped.skip_message).startswith(f"2024-05-01: {kind}: performance")


def test_without_a_decision_nothing_is_asked_for() -> None:
    skipped = requested(None, [], max_attempts=3)
    assert "no decision yet" in str(skipped.skip_message)


def code_location(model, work: Callable[[], object] = lambda: None) -> Definitions:
    @asset(name="trained", partitions_def=daily(date(2024, 1, 1), "UTC"))
    def trained() -> None:
        work()

    return Definitions(
        assets=[trained],
        jobs=[define_asset_job(JOB, "trained")],
        sensors=[retrain_on_drift(model)],
    )


def tick(model, lake: Lake, instance: DagsterInstance):
    location = code_location(model)
    context = build_sensor_context(
        instance, repository_def=location.get_repository_def(), resources={"lake": lake}
    )
    sensor = location.resolve_sensor_def("repeat_purchase_retrain_on_drift")
    return sensor.evaluate_tick(context)


def decide(lake: Lake, kind: str, day: date) -> None:
    row = {"kind": kind, "lane": "alarm", "reasons": '["performance: worse"]', "evidence": "{}"}
    ledger.put(lake, "decisions", {"model": "repeat_purchase", "as_of": day}, row)


def test_on_a_real_instance_only_the_newest_decision_counts(parsed, lake, instance) -> None:
    [model] = declared(parsed).models
    assert "no decision yet" in str(tick(model, lake, instance).skip_message)
    decide(lake, "retrain", DAY)
    [request] = tick(model, lake, instance).run_requests
    assert request.run_key == "repeat_purchase:2024-05-01:alarm:1"
    decide(lake, "none", date(2024, 5, 2))
    decide(lake, "retrain", date(2024, 3, 1))
    assert tick(model, lake, instance).run_requests == []


def test_on_a_real_instance_a_failed_run_is_tried_again_and_a_successful_one_is_not(
    parsed, lake, instance
) -> None:
    [model] = declared(parsed).models
    decide(lake, "retrain", DAY)
    instance.add_run(run(DagsterRunStatus.FAILURE))
    [request] = tick(model, lake, instance).run_requests
    assert request.tags[ATTEMPT_TAG] == "2"
    instance.add_run(run(DagsterRunStatus.SUCCESS, attempt=2))
    assert "trained already" in str(tick(model, lake, instance).skip_message)


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[DagsterInstance]:
    """An instance that two threads may write to at once, as the one in memory may not be."""
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_two_sensors_that_tick_at_once_start_one_run(parsed, lake, on_disk) -> None:
    """Both have seen no run yet; the second finds that the first one's key or id is taken."""
    [model] = declared(parsed).models
    decide(lake, "retrain", DAY)
    worked: list[int] = []
    location = code_location(model, lambda: worked.append(1))
    requests = [request for _ in range(2) for request in tick(model, lake, on_disk).run_requests]
    assert len(requests) == 2
    together = Barrier(2)

    def start(request: RunRequest) -> DagsterRun | None:
        together.wait()
        return launch(location, on_disk, request, "repeat_purchase_retrain_on_drift")

    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(start, requests))
    assert len(worked) == 1
    assert sum(each is not None for each in started) == 1
    assert len(on_disk.get_runs()) == 1
    assert "trained already" in str(tick(model, lake, on_disk).skip_message)


def test_a_check_on_an_old_backfilled_day_starts_nothing(parsed, lake, instance) -> None:
    [model] = declared(parsed).models
    decide(lake, "none", DAY)
    for day in (date(2024, 4, 1), date(2024, 4, 30)):
        row = {"passed": False, "severity": "ERROR", "reason": "worse"}
        key = {"model": "repeat_purchase", "as_of": day, "name": "performance"}
        ledger.put(lake, "checks", key, row)
        decide(lake, "retrain", day)
    assert "2024-05-01: none" in str(tick(model, lake, instance).skip_message)
