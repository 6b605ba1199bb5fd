"""dbt models as assets: views without partitions, incremental tables by day."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
)
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from assets.partitions import HEAVY, days_of

BY_DAY = "config.materialized:incremental"
ROW_TESTS = "source:*"  # a raw table's own tests: Spark and Pandera judged every row by them

NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")  # they test the SQL, not the data


class Translator(DagsterDbtTranslator):
    """Asset keys are `schema/table`, the address in the lake; groups are the schemas."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """Return `raw/order_lines`, `features/customer_features` and the like."""
        return AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Group models by their schema."""
        return dbt_resource_props["schema"]


def view_assets(manifest: Mapping[str, Any], project: DbtProject) -> AssetsDefinition:
    """Return staging and intermediate views: no rows of their own, so no partitions."""

    @dbt_assets(
        manifest=manifest,
        project=project,
        name="dbt_views",
        exclude=f"{BY_DAY} {ROW_TESTS}",
        dagster_dbt_translator=Translator(),
        pool=HEAVY,
    )
    def views(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from build(context, dbt, project)

    return views


def feature_assets(
    manifest: Mapping[str, Any], project: DbtProject, partitions: DailyPartitionsDefinition
) -> AssetsDefinition:
    """Return features and labels: grain entity and day; a run rewrites its range of days."""

    @dbt_assets(
        manifest=manifest,
        project=project,
        name="dbt_features",
        select=BY_DAY,
        exclude=ROW_TESTS,
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        dagster_dbt_translator=Translator(),
        pool=HEAVY,
    )
    def features(context: AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        days = days_of(context)
        end = days[-1] + timedelta(days=1)  # dbt's end is exclusive
        span = ["--event-time-start", str(days[0]), "--event-time-end", str(end)]
        yield from build(context, dbt, project, *span)

    return features


def build(
    context: AssetExecutionContext, dbt: DbtCliResource, project: DbtProject, *span: str
) -> Iterator[Any]:
    """Run `dbt build` on the run's selection, in one folder, so that artifacts do not pile up."""
    folder = project.target_path / "runs"
    command = ["build", *NO_UNIT_TESTS, *span]
    yield from dbt.cli(command, context=context, target_path=folder).stream()
