"""What the daemon does about alerts, on a real instance."""

from datetime import date

from dagster import (
    DagsterInstance,
    Definitions,
    SkipReason,
    asset,
    build_run_status_sensor_context,
    build_sensor_context,
    define_asset_job,
)

import ledger
from alerting.outbox import outbox_lock, unsent
from sensors.alerts import alerts, run_failures

DAY = date(2024, 5, 1)


def test_a_failed_run_becomes_a_message(lake, inbox, alerted, instance: DagsterInstance) -> None:
    @asset
    def broken() -> None:
        raise ZeroDivisionError("the scale shows 0 kg")

    settings = alerted(inbox.url)
    location = Definitions(
        assets=[broken], jobs=[define_asset_job("weigh")], resources={"lake": lake},
        sensors=[run_failures(settings), alerts(settings)],
    )  # fmt: skip
    result = location.resolve_job_def("weigh").execute_in_process(
        instance=instance, raise_on_error=False
    )
    failure = build_run_status_sensor_context(
        "run_failures", result.get_run_failure_event(), instance, result.dagster_run,
        resources={"lake": lake}, repository_def=location.get_repository_def(),
    ).for_run_failure()  # fmt: skip
    run_failures(settings)(failure)
    assert told(lake, settings, instance) == "1 alerts told"
    assert inbox.received[0]["title"].endswith(": run failed")
    assert "failed in broken: ZeroDivisionError: the scale shows 0 kg" in inbox.received[0]["body"]
    assert f"http://dagster.example/runs/{result.run_id}" in inbox.received[0]["body"]


def test_a_command_that_keeps_its_alerts_back_is_left_to_tell_them(
    lake, inbox, alerted, instance
) -> None:
    lake.transact(lambda db: ledger.alert(db, DAY, "held", "orders", "why"))
    settings = alerted(inbox.url)
    with outbox_lock(settings):
        assert told(lake, settings, instance) == "a command keeps its alerts back until its end"
    assert len(unsent(lake)) == 1
    assert told(lake, settings, instance) == "1 alerts told"
    assert len(inbox.received) == 1


def told(lake, settings, instance: DagsterInstance) -> str | None:
    context = build_sensor_context(instance, resources={"lake": lake})
    found = alerts(settings)(context)
    assert isinstance(found, SkipReason)
    return found.skip_message
