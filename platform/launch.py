"""Start a requested run in this process, under the id that its run key gives."""

import uuid
from collections.abc import Sequence

from dagster import DagsterEvent, DagsterInstance, DagsterRun, Definitions, RunRequest, RunsFilter
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG

from errors import RunFailedError

NAMESPACE = uuid.UUID("6f1c2e0e-7c0b-5d39-9a55-3f3f8f1f5a10")


def launch(
    definitions: Definitions, instance: DagsterInstance, request: RunRequest, sensor: str = ""
) -> DagsterRun | None:
    """Run a request to its end and return the run, or None where its key has run already.

    The tags are those that the daemon sets, so that neither repeats what the other has started.
    Raises RunFailedError where the run fails.
    """
    tags = dict(request.tags)
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
