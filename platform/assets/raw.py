"""Raw assets: one per dbt source table with `meta.ingest`."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
    asset,
)
from dagster_pyspark import LazyPySparkResource

from assets.partitions import HEAVY, days_of
from declaration import RawTable
from ingestion.take_in import Intake, take_in
from resources.lake import Lake
from resources.settings import Settings, pii_key


def raw_asset(
    table: RawTable, partitions: DailyPartitionsDefinition, settings: Settings
) -> AssetsDefinition:
    """Return the asset of one raw table: grain one row per line of a landing file."""
    check = AssetCheckSpec(
        "published",
        asset=["raw", table.name],
        description="Every delivery of the run passed its audit; a held one stays invisible.",
    )

    @asset(
        key=["raw", table.name],
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        check_specs=[check],
        group_name="raw",
        kinds={"spark", "ducklake"},
        pool=HEAVY,
        description=f"Landing files {table.ingest.path}, checked row by row against {table.file}.",
        metadata={"dagster/column_schema": column_schema(table)},
    )
    def raw(
        context: AssetExecutionContext, lake: Lake, spark: LazyPySparkResource
    ) -> MaterializeResult:
        intake = take_in(
            lake,
            lambda: spark.spark_session,
            table,
            days_of(context),
            settings.landing,
            pii_key(settings),
        )
        return MaterializeResult(metadata=intake_metadata(intake), check_results=[verdict(intake)])

    return raw


def intake_metadata(intake: Intake) -> dict[str, MetadataValue]:
    """Return the counts of a pass, in lines of files."""
    return {
        "files": MetadataValue.int(sum(1 for d in intake.deliveries if d.landed.file)),
        "rows_read": MetadataValue.int(sum(d.read for d in intake.deliveries)),
        "rows_accepted": MetadataValue.int(sum(d.accepted for d in intake.deliveries)),
        "rows_quarantined": MetadataValue.int(sum(d.quarantined for d in intake.deliveries)),
        "days_unchanged": MetadataValue.int(intake.unchanged),
        "days_held": MetadataValue.int(len(intake.held)),
    }


def verdict(intake: Intake) -> AssetCheckResult:
    """Return the check that names every held day and why."""
    held = {str(d.landed.day): MetadataValue.text(str(d.held)) for d in intake.held}
    return AssetCheckResult(
        check_name="published", passed=not held, severity=AssetCheckSeverity.WARN, metadata=held
    )


def column_schema(table: RawTable) -> TableSchema:
    """Return the table's columns as the UI shows them."""
    return TableSchema(
        columns=[
            TableColumn(c.name, c.stored_type, description="keyed hash" if c.pii else None)
            for c in table.columns
        ]
    )
