from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    DagsterInstance,
    Definitions,
    RunRequest,
    SkipReason,
    asset,
    asset_check,
)

from sensors.weekly import asked
from sensors.weekly_audit import audit_job, weekly_audit

NOW = datetime(2024, 5, 1, 4, 30, tzinfo=UTC)


@asset
def features() -> None:
    """What is audited; the audit itself does not make it."""
    raise AssertionError("the audit has built features")


@asset_check(asset=features)
def point_in_time() -> AssetCheckResult:
    return AssetCheckResult(passed=False)


def test_a_week_after_an_audit_whatever_it_found_the_next_is_due(instance: DagsterInstance) -> None:
    job = audit_job([point_in_time])
    schedule = weekly_audit(job, "UTC")
    location = Definitions([features], [schedule], jobs=[job], asset_checks=[point_in_time])
    assert asked(instance, NOW, schedule.job_name).run_key == "audit:2024-05-01"

    assert location.resolve_job_def("audit").execute_in_process(instance=instance).success

    today = datetime.now(UTC)
    assert isinstance(asked(instance, today, "audit"), SkipReason)
    assert isinstance(asked(instance, today, "upkeep"), RunRequest)
