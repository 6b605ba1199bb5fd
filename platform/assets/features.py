"""dbt models as assets: views without partitions, incremental tables by day."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    DailyPartitionsDefinition,
    MetadataValue,
    Output,
)
from dagster_dbt import (
    DagsterDbtTranslator,
    DbtCliInvocation,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from assets.metadata import table
from assets.partitions import HEAVY, days_of
from commit_points import reached
from declaration import MlModel
from declared import declared
from resources.dbt import manifest
from resources.lake import Lake
from resources.settings import Settings

logger = logging.getLogger("leeway")
BY_DAY = "config.materialized:incremental"
ROW_TESTS = "source:*"  # a raw table's own tests: Spark and Pandera judged every row by them

NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")  # they test the SQL, not the data
BROKEN = ("error", "runtime error", "partial success")


class Translator(DagsterDbtTranslator):
    """Asset keys are `schema/table`, the address in the lake; groups are the schemas."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """Return `raw/order_lines`, `features/customer_features` and the like."""
        return AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_asset_check_spec(
        self,
        asset_spec: AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> AssetCheckSpec | None:
        """Return a test as a check that stops nothing: one bad day must not stop a month's run."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(blocking=False)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Group models by their schema."""
        return dbt_resource_props["schema"]


def view_assets(
    parsed: Mapping[str, Any], project: DbtProject, settings: Settings
) -> AssetsDefinition:
    """Return staging and intermediate views: no rows of their own, so no partitions."""

    @dbt_assets(
        manifest=parsed,
        project=project,
        name="dbt_views",
        exclude=f"{BY_DAY} {ROW_TESTS}",
        dagster_dbt_translator=Translator(),
        pool=HEAVY,
    )
    def views(context: AssetExecutionContext, dbt: DbtCliResource, lake: Lake) -> Iterator[Any]:
        from lifecycle.live import require_columns

        require_columns(lake, declared_now(settings))
        for event in build(context, dbt, project):
            tell_columns(context, event, parsed, project, lake)
            yield event

    return views


def feature_assets(
    parsed: Mapping[str, Any],
    project: DbtProject,
    partitions: DailyPartitionsDefinition,
    models: Sequence[MlModel],
    settings: Settings,
) -> AssetsDefinition:
    """Return features and labels: grain entity and day; a run rewrites its range of days.

    models: whose predictions of a day are withdrawn where its features fail their tests.
    """

    @dbt_assets(
        manifest=parsed,
        project=project,
        name="dbt_features",
        select=BY_DAY,
        exclude=ROW_TESTS,
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        dagster_dbt_translator=Translator(),
        pool=HEAVY,
    )
    def features(context: AssetExecutionContext, dbt: DbtCliResource, lake: Lake) -> Iterator[Any]:
        from lifecycle import feature_versions
        from lifecycle.live import require_columns
        from lifecycle.predictions import withdraw
        from lifecycle.tested import untested

        now, days = declared_now(settings), days_of(context)
        require_columns(lake, now)
        feature_versions.keep(lake, settings, now)
        end = days[-1] + timedelta(days=1)  # dbt's end is exclusive
        span = ["--event-time-start", str(days[0]), "--event-time-end", str(end)]
        for event in build(context, dbt, project, *span):
            tell_columns(context, event, parsed, project, lake, models, str(days[-1]))
            yield event
            reached("features-written")
        reached("features-built")
        for key in sorted(context.selected_asset_keys):
            unfit = untested(lake, [key.path[-1]], days)
            readers = [model for model in models if model.features.table == key.path[-1]]
            removed = sum(withdraw(lake, model, list(unfit)) for model in readers)
            if unfit:
                yield left_out(key, {str(day): why for day, why in unfit.items()}, removed)

    return features


def tell_columns(
    context: AssetExecutionContext,
    event: Any,
    parsed: Mapping[str, Any],
    project: DbtProject,
    lake: Lake,
    models: Sequence[MlModel] = (),
    partition: str | None = None,
) -> None:
    """Add what is known of the columns to the materialization of a model.

    partition: the one that is told it, None for a view.
    """
    from assets.column_metadata import column_metadata

    if not isinstance(event, Output):
        return
    unique_id, compiled = str(event.metadata["unique_id"].value), runs_of(project) / "compiled"
    context.add_asset_metadata(
        column_metadata(parsed, unique_id, compiled, lake, models),
        asset_key=context.asset_key_for_output(event.output_name),
        partition_key=partition,
    )


def declared_now(settings: Settings) -> Sequence[MlModel]:
    """Return the models as the project's files declare them now: dbt is about to read the same."""
    return declared(manifest(settings.home, settings.dbt_project_dir)).models


def left_out(key: AssetKey, unfit: Mapping[str, str], removed: int) -> AssetObservation:
    """Return what the UI shows of days that no model may use, and log it.

    removed: predictions that were made from these days' features before, and are gone.
    """
    for day, why in unfit.items():
        logger.warning("%s %s: no model uses it: %s", key.to_user_string(), day, why)
    shown = {
        "days_left_out": table([{"day": day, "why": why} for day, why in unfit.items()]),
        "predictions_removed": MetadataValue.int(removed),
    }
    return AssetObservation(key, metadata=shown)


def build(
    context: AssetExecutionContext, dbt: DbtCliResource, project: DbtProject, *span: str
) -> Iterator[Any]:
    """Run `dbt build` on the run's selection, in one folder, so that artifacts do not pile up.

    A failed test fails its check and goes on: the ledger keeps the day from every model.
    """
    folder = runs_of(project)
    (folder / "run_results.json").unlink(missing_ok=True)
    command = ["build", *NO_UNIT_TESTS, *span]
    invocation = dbt.cli(command, context=context, target_path=folder, raise_on_error=False)
    yield from invocation.stream()
    require_built(invocation)


def runs_of(project: DbtProject) -> Path:
    """Return the folder that dbt writes to in a run."""
    return Path(project.target_path) / "runs"


def require_built(invocation: DbtCliInvocation) -> None:
    """Raise dbt's own error where it failed for anything but tests that found bad rows."""
    error = invocation.get_error()
    if error is None:
        return
    path = invocation.target_path / "run_results.json"
    statuses = (
        [result["status"] for result in json.loads(path.read_text())["results"]]
        if path.exists()
        else []
    )
    if "fail" not in statuses or any(status in BROKEN for status in statuses):
        raise error
