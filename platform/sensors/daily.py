"""The daily schedule and the chain that starts a day's next run when one has succeeded."""

from collections.abc import Collection
from datetime import date, timedelta

from dagster import (
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SkipReason,
    run_status_sensor,
    schedule,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

import ledger
from declaration import Declaration
from plan import DAY_TAG, STEP_TAG, day_steps
from resources.lake import Lake

HOUR = "0 5 * * *"  # nightly dumps of the day before have landed


def daily_schedule(
    declaration: Declaration, daily: UnresolvedAssetJobDefinition, start: date, timezone: str
) -> ScheduleDefinition:
    """Return the schedule that starts yesterday's first run; switch it on where work is daily."""

    @schedule(
        job=daily,
        name="daily",
        cron_schedule=HOUR,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.STOPPED,
    )
    def evaluate(context: ScheduleEvaluationContext) -> RunRequest:
        yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
        return day_steps(declaration, yesterday, start)[0]

    return evaluate


def next_step(
    declaration: Declaration, tags: dict[str, str], start: date, live: Collection[str]
) -> RunRequest | SkipReason:
    """Return the run that follows a successful one of the same day."""
    if DAY_TAG not in tags or STEP_TAG not in tags:
        return SkipReason("the run is not a step of daily work")
    steps = day_steps(declaration, date.fromisoformat(tags[DAY_TAG]), start, live)
    number = int(tags[STEP_TAG]) + 1
    if number >= len(steps):
        return SkipReason(f"{tags[DAY_TAG]} is done")
    return steps[number]


def daily_chain(
    declaration: Declaration, start: date, jobs: list[UnresolvedAssetJobDefinition]
) -> SensorDefinition:
    """Return the sensor that works a day's runs off in their order; a failed run stops the day."""

    @run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        name="daily_chain",
        request_jobs=jobs,
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
    )
    def evaluate(context: RunStatusSensorContext, lake: Lake) -> RunRequest | SkipReason:
        tags = dict(context.dagster_run.tags)
        day = date.fromisoformat(tags[DAY_TAG]) if DAY_TAG in tags else start
        models = [model.name for model in declaration.models]
        live = [name for name in models if ledger.champion_on(lake, name, day) is not None]
        return next_step(declaration, tags, start, live)

    return evaluate
