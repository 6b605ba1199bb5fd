"""Alerts from the daemon: failed runs become rows, and rows that nobody was told are sent."""

from dagster import (
    DefaultSensorStatus,
    RunFailureSensorContext,
    SensorDefinition,
    SkipReason,
    run_failure_sensor,
    sensor,
)
from filelock import Timeout

from alerting.failures import note_failure
from alerting.outbox import outbox_lock, tell
from resources.lake import Lake
from resources.settings import Settings


def run_failures(settings: Settings) -> SensorDefinition:
    """Return the sensor that writes an alert for every run that fails, whoever started it."""

    @run_failure_sensor(
        name="run_failures",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    def evaluate(context: RunFailureSensorContext, lake: Lake) -> None:
        note_failure(lake, context.instance, context.dagster_run, settings)

    return evaluate


def alerts(settings: Settings) -> SensorDefinition:
    """Return the sensor that sends what the ledger has and nobody was told."""

    @sensor(
        name="alerts",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Sends new rows of ledger.alerts to LEEWAY_ALERT_URLS.",
    )
    def evaluate(lake: Lake) -> SkipReason:
        try:
            with outbox_lock(settings).acquire(timeout=0):
                return SkipReason(f"{tell(lake, settings)} alerts told")
        except Timeout:
            return SkipReason("a command keeps its alerts back until its end")

    return evaluate
