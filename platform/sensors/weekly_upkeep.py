"""The upkeep of the lake: its job, and the schedule that starts it once a week."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    JobDefinition,
    OpExecutionContext,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    job,
    op,
    schedule,
)

from assets.partitions import HEAVY
from declaration import MlModel
from launch import fail_orphans, held_lock, launch
from lifecycle import move
from plan import GOING
from resources.lake import Lake
from resources.settings import Settings, settings
from upkeep.lake import keep_up
from upkeep.leftovers import sweep

NAME = "upkeep"
HOUR = "30 3 * * *"  # looks every night, works once a week: a night that was missed is made up for
WEEK = timedelta(days=7) - timedelta(hours=6)  # the night a week later counts, whatever it took


def upkeep_job(settings: Settings, models: Sequence[MlModel]) -> JobDefinition:
    """Return the job; it holds the home's lock, so no `leeway run` works meanwhile.

    models: whose features may stand side by side.
    """

    @op(name="keep_up", pool=HEAVY)
    def work(context: OpExecutionContext, lake: Lake) -> None:
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


def due(
    last: datetime | None, now: datetime, going: int, name: str = NAME
) -> RunRequest | SkipReason:
    """Return a weekly run where a week has passed since the last and nothing else works.

    last: end of the last successful run, UTC; going: runs that have not ended; name: of the job.
    """
    if last and now - last < WEEK:
        return SkipReason(f"the last {name} was on {last.date()}")
    if going:
        return SkipReason(f"{going} runs are going: tomorrow again")
    return RunRequest(run_key=f"{name}:{now.date()}")


def weekly_upkeep(job: JobDefinition, timezone: str) -> ScheduleDefinition:
    """Return the schedule; it is on by default, for a lake that nobody thinks of."""

    @schedule(
        job=job,
        name="weekly_upkeep",
        cron_schedule=HOUR,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
    )
    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        return asked(context.instance, context.scheduled_execution_time.astimezone(UTC))

    return evaluate


def asked(instance: DagsterInstance, now: datetime, name: str = NAME) -> RunRequest | SkipReason:
    """Return what an instance's runs ask for at `now`, UTC, of a weekly job."""
    going = instance.get_runs_count(RunsFilter(statuses=GOING))
    return due(last_success(instance, name), now, going, name)


def last_success(instance: DagsterInstance, name: str = NAME) -> datetime | None:
    """Return when a job has last ended well, UTC, or None."""
    done = RunsFilter(job_name=name, statuses=[DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(done, limit=1):
        return datetime.fromtimestamp(record.end_time or 0, UTC)
    return None
