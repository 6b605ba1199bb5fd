"""Start a requested run in this process, under the id that its run key gives."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dagster import (
    DagsterEvent,
    DagsterInstance,
    DagsterRun,
    Definitions,
    RunRequest,
    RunsFilter,
)
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG
from filelock import FileLock, Timeout

from errors import RunFailedError, SetupError
from plan import GOING

NAMESPACE = uuid.UUID("6f1c2e0e-7c0b-5d39-9a55-3f3f8f1f5a10")
LAUNCHER_TAG = "leeway/launcher"


@contextmanager
def held_lock(home: Path) -> Iterator[None]:
    """Hold the one lock of a LEEWAY_HOME; raises SetupError where another command has it."""
    lock = FileLock(home / "run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SetupError(
            f"another `leeway run` works in {home}: wait for it, or end it, then try again"
        ) from error
    with lock:
        yield


def fail_orphans(instance: DagsterInstance) -> None:
    """Mark runs of a killed `leeway run` as failed; call it with the lock held.

    A killed process cannot say that its run has ended, and a run that seems to go on forever would
    keep its model from ever being trained again.
    """
    left = RunsFilter(tags={LAUNCHER_TAG: "leeway run"}, statuses=GOING)
    for run in instance.get_runs(left):
        instance.report_run_failed(run, "its process ended before it did")


def launch(
    definitions: Definitions, instance: DagsterInstance, request: RunRequest, sensor: str = ""
) -> DagsterRun | None:
    """Run a request to its end and return the run, or None where its key has run already.

    The tags are those that the daemon sets, so that neither repeats what the other has started.
    Raises RunFailedError where the run fails.
    """
    tags = {**request.tags, LAUNCHER_TAG: "leeway run"}
    if request.run_key:
        tags |= {RUN_KEY_TAG: request.run_key, **({SENSOR_NAME_TAG: sensor} if sensor else {})}
        if instance.get_runs_count(RunsFilter(tags={RUN_KEY_TAG: request.run_key})):
            return None
    result = definitions.resolve_job_def(str(request.job_name)).execute_in_process(
        instance=instance,
        run_id=run_id(request.run_key),
        partition_key=request.partition_key,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        asset_selection=list(request.asset_selection) if request.asset_selection else None,
        tags=tags,
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailedError(failure(result.dagster_run, result.all_events))
    return result.dagster_run


def run_id(run_key: str | None) -> str:
    """Return the run id of a key: the same key can never run twice, whoever starts it."""
    return str(uuid.uuid5(NAMESPACE, run_key)) if run_key else str(uuid.uuid4())


def failure(run: DagsterRun, events: Sequence[DagsterEvent]) -> str:
    """Return which step failed, with its error's own words."""
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error and error.cause:
                error = error.cause
            words = error.message.strip() if error else "no error was kept"
            return (
                f"run {run.run_id} of {run.job_name} failed in {event.step_key}: {words}\n"
                "See it with `make dev`, then run the same command again"
            )
    return f"run {run.run_id} of {run.job_name} failed before its first step: see its log in the UI"
