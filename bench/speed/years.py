"""Years of a simulated shop in a home, made by the library's own calls without Dagster."""

from datetime import date, timedelta
from typing import Any

from assets.partitions import days_between
from bench.speed.child import Timer
from plan import ranges

YEAR, QUICK = 365, 20  # days
BY_DAY = "config.materialized:incremental"  # what has days; the other models are views


def opened() -> tuple[Any, Any]:
    """Return the settings and the lake, ready for work."""
    from declared import declared
    from resources.dbt import manifest
    from resources.settings import settings
    from state import ready

    loaded = settings()
    (loaded.home / "lake" / "data").mkdir(parents=True, exist_ok=True)
    return loaded, ready(loaded, declared(manifest(loaded.home, loaded.dbt_project_dir)))


def land_raw(_timer: Timer, first: str, last: str) -> int:
    """Take in the files of a span and make the views over them; returns lines."""
    from resources.dbt import install_extensions

    loaded, lake = opened()
    read = take_days(
        loaded, lake, days_between(date.fromisoformat(first), date.fromisoformat(last))
    )
    install_extensions(loaded)
    dbt("run", "--exclude", BY_DAY)
    return read


def take_days(loaded: Any, lake: Any, days: list[date]) -> int:
    """Take in the files of some days of the project's first raw table; returns lines."""
    from declared import declared
    from ingestion.take_in import Loader, take_in
    from resources.dbt import manifest
    from resources.settings import pii_key
    from resources.spark import spark_resource

    table = declared(manifest(loaded.home, loaded.dbt_project_dir)).tables[0]
    spark, staging = spark_resource(loaded), loaded.home / "staging"
    loader = Loader(
        lake, lambda: spark.spark_session, table, loaded.landing, pii_key(loaded), staging
    )
    return sum(delivery.read for delivery in take_in(loader, days).deliveries)


def with_features(timer: Timer, first: str, last: str) -> None:
    """Take in a span and build its features."""
    land_raw(timer, first, last)
    for begin, end in ranges(days_between(date.fromisoformat(first), date.fromisoformat(last)), {}):
        build(begin, end)


def build(first: date, last: date, *selected: str) -> None:
    """Build the features of a span and test them, as the job `features` does."""
    span = ["--event-time-start", str(first), "--event-time-end", str(last + timedelta(days=1))]
    names = selected or ("customer_features",)
    dbt("build", "--exclude-resource-type", "unit_test", "--select", *names, *span)


def dbt(*command: str) -> None:
    """Run a command of dbt in the folder that the platform's own builds use."""
    from resources.dbt import dbt_project, run_dbt
    from resources.settings import settings

    loaded = settings()
    run_dbt(loaded, dbt_project(loaded).target_path / "runs", command)
