"""Resources that the first step or sensor of a process makes which uses them.

Loading the code location attaches no lake and imports no Spark: it takes a third of the time, and
shows what is declared while the lake is away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from dagster import InitResourceContext, ResourceDefinition

from declaration import Declaration
from resources.lake import Lake
from resources.settings import Settings
from state import ready

if TYPE_CHECKING:
    from resources.spark import SparkSessions


def lake_on_first_use(settings: Settings, declaration: Declaration) -> ResourceDefinition:
    """Return the lake, made ready once in a process; what `state.ready` raises fails the run."""

    @cache
    def made() -> Lake:
        return ready(settings, declaration)

    def lake(_context: InitResourceContext) -> Lake:
        return made()

    return ResourceDefinition(lake, description=f"{settings.lake_catalog}, {settings.lake_data}")


def spark_on_first_use(settings: Settings) -> ResourceDefinition:
    """Return Spark's sessions, one for each run that asks."""

    @contextmanager
    def spark(context: InitResourceContext) -> Iterator["SparkSessions"]:
        from resources.spark import spark_resource

        with spark_resource(settings).yield_for_execution(context) as sessions:
            yield sessions

    return ResourceDefinition(spark, description=settings.spark)
