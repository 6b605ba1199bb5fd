"""Start a requested run in this process, under the id that its run key gives."""

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    RunsFilter,
)
from dagster._core.errors import DagsterRunAlreadyExists, DagsterUserCodeUnreachableError
from dagster._core.storage.tags import GRPC_INFO_TAG, RUN_KEY_TAG, SENSOR_NAME_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._utils.error import SerializableErrorInfo
from filelock import FileLock, Timeout

from claims import claim_runs
from errors import LeewayError, RunFailedError, SetupError
from plan import GOING, ORPHAN_TAG
from resources.mlflow_database import make_database
from resources.room import shortage
from resources.settings import settings

logger = logging.getLogger("leeway")
NAMESPACE = uuid.UUID("6f1c2e0e-7c0b-5d39-9a55-3f3f8f1f5a10")
LAUNCHER_TAG = "leeway/launcher"


@contextmanager
def held_lock(home: Path) -> Iterator[None]:
    """Hold the one lock of a LEEWAY_HOME; raises SetupError where another command has it."""
    lock = home_lock(home)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SetupError(
            f"another `leeway run` works in {home}: wait for it, or end it, then try again"
        ) from error
    with lock:
        yield


def home_lock(home: Path) -> FileLock:
    """Return the lock of the one command that may work in a home; a killed one gives it back."""
    return FileLock(home / "run.lock")


def fail_orphans(instance: DagsterInstance, home: Path) -> None:
    """Mark runs of a killed `leeway run` as failed; call it with the home's lock held.

    A killed process cannot say that its run has ended, and a run that seems to go on forever would
    keep its model from ever being trained again. Raises SetupError where the runs are another
    home's: they may be alive.
    """
    claim_runs(instance, home)
    left = RunsFilter(tags={LAUNCHER_TAG: "leeway run"}, statuses=GOING)
    for run in instance.get_runs(left):
        fail_orphan(instance, run)


def fail_unreachable(instance: DagsterInstance, home: Path) -> None:
    """Mark runs of a daemon as failed whose code server is gone, and their processes with it.

    Dagster itself fails a run whose process was killed while its code server lives. Raises
    SetupError where the runs are another home's: nobody reaches its code server from here.
    """
    claim_runs(instance, home)
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        if GRPC_INFO_TAG in run.tags and not answers(json.loads(run.tags[GRPC_INFO_TAG])):
            fail_orphan(instance, run)


def recover() -> None:
    """Make the home ready for `make dev`, and end what an earlier one left behind."""
    home = settings().home
    make_database(settings().mlflow_uri)
    with DagsterInstance.get() as instance:
        fail_unreachable(instance, home)
        try:
            with home_lock(home).acquire(timeout=0):
                fail_orphans(instance, home)
                follow_ledger()
        except Timeout:
            logger.warning("a `leeway run` works in %s: the daemon's runs wait for its steps", home)


def follow_ledger() -> None:
    """Point MLflow's aliases at what is live; where that cannot be done, say so and go on."""
    from lifecycle.alias import crowned, reconcile_all
    from resources.lake import lake_of
    from resources.registry import registry_of

    lake = lake_of(settings())
    try:
        reconcile_all(lake, registry_of(settings()), crowned(lake))
    except LeewayError as error:  # the code location says so as well, and shows it
        logger.warning("MLflow's aliases were not compared with the ledger: %s", error)


def answers(server: Mapping[str, Any]) -> bool:
    """Return whether a code server answers: host, and port or socket."""
    client = DagsterGrpcClient(
        port=server.get("port"), socket=server.get("socket"), host=server.get("host", "localhost")
    )
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


def fail_orphan(instance: DagsterInstance, run: DagsterRun) -> None:
    """Mark a run as failed by its process's end, which counts as no attempt at its work.

    The run's place in the pool `heavy` is given back, or every later run would wait for it forever.
    """
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    instance.add_run_tags(run.run_id, {ORPHAN_TAG: "true"})
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
    try:
        result = definitions.resolve_job_def(str(request.job_name)).execute_in_process(
            instance=instance,
            run_id=run_id(request.run_key),
            partition_key=request.partition_key,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            tags=tags,
            raise_on_error=False,
        )
    except DagsterRunAlreadyExists:  # another launcher took the key since it was looked for
        return None
    except Exception as error:  # Dagster's own storage, or the steps that tell it what happened
        require_room(str(error), instance.root_directory)
        raise
    if not result.success:
        message = failure(result.dagster_run, result.all_events)
        require_room(message, instance.root_directory)
        raise RunFailedError(message, result.dagster_run.run_id)
    return result.dagster_run


def require_room(message: str, folder: str) -> None:
    """Raise DiskFullError where an error says that a disk is full."""
    if full := shortage(message, folder):
        raise full


def run_id(run_key: str | None) -> str:
    """Return the run id of a key, so that two launchers here cannot both run it.

    The daemon draws its own ids; it looks for the key before it starts a run, as `launch` does.
    """
    return str(uuid.uuid5(NAMESPACE, run_key)) if run_key else str(uuid.uuid4())


def failure(run: DagsterRun, events: Sequence[DagsterEvent]) -> str:
    """Return which step failed, with its error's own words, and the next step."""
    step, words = cause(events)
    return (
        f"run {run.run_id} of {run.job_name} failed in {step}: {words}\n"
        "See it with `make dev`, then run the same command again"
    )


def cause(events: Iterable[DagsterEvent]) -> tuple[str, str]:
    """Return the step that failed and its first error's own words, from a run's events."""
    words = "its process ended before its first step"
    for event in events:
        if event.is_step_failure:
            return str(event.step_key), first_words(event.step_failure_data.error)
        if event.is_failure and event.message:
            known = event.job_failure_data  # none where Dagster found the process dead
            failed = known.error if known else None  # e.g. of a resource, before any step
            words = first_words(failed) if failed else event.message
    return "no step", words


def first_words(error: SerializableErrorInfo | None) -> str:
    """Return what the first of a chain of errors said."""
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "no error was kept"
