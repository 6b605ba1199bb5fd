"""The point-in-time audit: its job, and the schedule that starts it once a week."""

from collections.abc import Sequence

from dagster import (
    AssetChecksDefinition,
    AssetSelection,
    ScheduleDefinition,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sensors.weekly import weekly

NAME = "audit"
HOUR = "30 4 * * *"  # an hour after the upkeep


def audit_job(checks: Sequence[AssetChecksDefinition]) -> UnresolvedAssetJobDefinition:
    """Return the job that runs the audits and nothing else."""
    return define_asset_job(
        NAME,
        AssetSelection.checks(*checks),
        description="Recomputes past days of features and labels with what was known on them.",
    )


def weekly_audit(job: UnresolvedAssetJobDefinition, timezone: str) -> ScheduleDefinition:
    """Return the schedule of the audit: nobody looks for a leak that nobody suspects."""
    return weekly(job, HOUR, timezone)
