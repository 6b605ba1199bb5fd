"""A running code location follows the dbt project: where its files are others, it is loaded again.

Runs are processes of their own and read the project anew anyway; sensors, schedules and what the UI
shows are of the files that the code server has loaded.
"""

import logging
from threading import Thread

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.remote_origin import CodeLocationOrigin, GrpcServerCodeLocationOrigin

from declared import declared
from errors import LeewayError
from resources.dbt import fingerprint, manifest
from resources.settings import Settings

logger = logging.getLogger("leeway")
LONGEST = 300  # seconds that a code server may take to load


def project_changes(settings: Settings, loaded: str) -> SensorDefinition:
    """Return the sensor; loaded: fingerprint of the files that this code location was made from."""

    @sensor(
        name="project_changes",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Reloads the code location when the dbt project's files have changed.",
    )
    def evaluate(context: SensorEvaluationContext) -> SkipReason:
        found = fingerprint(settings.dbt_project_dir)
        settled, where = found == context.cursor, context.code_location_origin
        context.update_cursor(found)
        return SkipReason(answer(settings, found == loaded, settled, where))

    return evaluate


def answer(
    settings: Settings, is_loaded: bool, settled: bool, where: CodeLocationOrigin | None
) -> str:
    """Say how what was loaded and the files compare; ask for the reload where they differ.

    settled: the files were the same at the tick before. A project that cannot be loaded is left
    alone: what was loaded goes on.
    """
    if is_loaded:
        return "what was loaded is the dbt project as it is"
    if not settled:
        return "the dbt project has changed: loaded at the next tick, if it stays so"
    try:
        declared(manifest(settings.home, settings.dbt_project_dir))
    except LeewayError as error:
        return f"the dbt project has changed and cannot be loaded, what was loaded goes on: {error}"
    if not isinstance(where, GrpcServerCodeLocationOrigin):
        return "the dbt project has changed: reload the code location (Deployment, Reload)"
    Thread(target=reload, args=(where,), daemon=True).start()  # ends the process of this tick
    return "the dbt project has changed: the code location is being reloaded"


def reload(where: GrpcServerCodeLocationOrigin) -> None:
    """Let a code server load its code again, as *Reload* in the UI does."""
    try:
        where.create_client().reload_code(timeout=LONGEST)
    except Exception:  # whatever the server answers, the next tick asks again
        logger.exception("%s was not reloaded: reload it in the UI", where.location_name)
