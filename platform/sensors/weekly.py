"""What is done once a week: every night it is asked whether, so a missed night is made up for."""

from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    JobDefinition,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from plan import GOING

WEEK = timedelta(days=7) - timedelta(hours=6)  # the night a week later counts, whatever it took


def weekly(
    job: JobDefinition | UnresolvedAssetJobDefinition, hour: str, timezone: str
) -> ScheduleDefinition:
    """Return a job's schedule, `weekly_<job>`, on by default: for what nobody thinks of.

    hour: cron schedule of the nightly look.
    """

    @schedule(
        job=job,
        name=f"weekly_{job.name}",
        cron_schedule=hour,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
    )
    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        return asked(context.instance, context.scheduled_execution_time.astimezone(UTC), job.name)

    return evaluate


def asked(instance: DagsterInstance, now: datetime, name: str) -> RunRequest | SkipReason:
    """Return what an instance's runs ask for at `now`, UTC, of a weekly job."""
    going = instance.get_runs_count(RunsFilter(statuses=GOING))
    return due(last_success(instance, name), now, going, name)


def due(last: datetime | None, now: datetime, going: int, name: str) -> RunRequest | SkipReason:
    """Return a weekly run where a week has passed since the last and nothing else works.

    last: end of the last successful run, UTC; going: runs that have not ended; name: of the job.
    """
    if last and now - last < WEEK:
        return SkipReason(f"the last {name} was on {last.date()}")
    if going:
        return SkipReason(f"{going} runs are going: tomorrow again")
    return RunRequest(run_key=f"{name}:{now.date()}")


def last_success(instance: DagsterInstance, name: str) -> datetime | None:
    """Return when a job has last ended well, UTC, or None."""
    done = RunsFilter(job_name=name, statuses=[DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(done, limit=1):
        return datetime.fromtimestamp(record.end_time or 0, UTC)
    return None
