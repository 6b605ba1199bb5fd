"""The upkeep of the lake: its job, and the schedule that starts it once a week."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from dagster import (
    DagsterEventType,
    DagsterInstance,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    ScheduleDefinition,
    job,
    op,
)

from assets.partitions import HEAVY
from declaration import MlModel
from launch import fail_orphans, held_lock, launch
from resources.lake import Lake
from resources.settings import Settings, settings
from sensors.weekly import weekly

NAME = "upkeep"
HOUR = "30 3 * * *"


def upkeep_job(settings: Settings, models: Sequence[MlModel]) -> JobDefinition:
    """Return the job; it holds the home's lock, so no `leeway run` works meanwhile.

    models: whose features may stand side by side.
    """

    @op(name="keep_up", pool=HEAVY)
    def work(context: OpExecutionContext, lake: Lake) -> None:
        from lifecycle import move
        from upkeep.lake import keep_up
        from upkeep.leftovers import sweep

        now = datetime.now(UTC)
        with held_lock(settings.home):
            ended = move.end(lake, models)
            kept = keep_up(lake, now, context.log.info)
            leftovers = sweep(settings, now)
        figures = {**asdict(kept), "left": ", ".join(kept.left) or "none"}
        figures |= {"side_tables_dropped": ", ".join(ended) or "none"}
        context.add_output_metadata({**figures, "leftovers_removed": leftovers})

    @job(
        name=NAME, description="Merges files, expires snapshots, removes leftovers and ended moves."
    )
    def upkeep() -> None:
        work()

    return upkeep


def start() -> dict[str, object]:
    """Run the job once in this process, as the schedule would, and return its figures.

    Raises SetupError where another command works in this home, RunFailedError where the run fails.
    """
    from definitions import build

    instance, loaded = DagsterInstance.get(), settings()
    with held_lock(loaded.home):  # the job takes it itself
        fail_orphans(instance, loaded.home)
    run = launch(build(loaded), instance, RunRequest(job_name=NAME))
    outputs = instance.all_logs(run.run_id if run else "", of_type=DagsterEventType.STEP_OUTPUT)
    found = [entry.dagster_event.step_output_data for entry in outputs if entry.dagster_event]
    return {name: value.value for output in found for name, value in output.metadata.items()}


def weekly_upkeep(job: JobDefinition, timezone: str) -> ScheduleDefinition:
    """Return the schedule of the upkeep."""
    return weekly(job, HOUR, timezone)
