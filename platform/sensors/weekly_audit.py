"""The point-in-time audit: its job, and the schedule that starts it once a week."""

from collections.abc import Sequence
from datetime import UTC

from dagster import (
    AssetChecksDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sensors.weekly_upkeep import asked

NAME = "audit"
HOUR = "30 4 * * *"  # an hour after the upkeep; every night, so that a missed one is made up for


def audit_job(checks: Sequence[AssetChecksDefinition]) -> UnresolvedAssetJobDefinition:
    """Return the job that runs the audits and nothing else."""
    return define_asset_job(
        NAME,
        AssetSelection.checks(*checks),
        description="Recomputes past days of features and labels with what was known on them.",
    )


def weekly_audit(job: UnresolvedAssetJobDefinition, timezone: str) -> ScheduleDefinition:
    """Return the schedule; it is on by default: nobody looks for a leak that nobody suspects."""

    @schedule(
        job=job,
        name="weekly_audit",
        cron_schedule=HOUR,
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
    )
    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        return asked(context.instance, context.scheduled_execution_time.astimezone(UTC), NAME)

    return evaluate
