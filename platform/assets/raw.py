"""Raw assets: one per dbt source table with `meta.ingest`."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    AssetsDefinition,
    BackfillPolicy,
    DagsterInstance,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    TableColumn,
    TableSchema,
    asset,
)

from assets.metadata import described
from assets.metadata import table as as_table
from assets.partitions import HEAVY, days_of
from commit_points import reached
from declaration import RawTable
from resources.lake import Lake
from resources.settings import Settings, pii_key

if TYPE_CHECKING:
    from ingestion.rejects import Rejects
    from ingestion.release import Released
    from ingestion.take_in import Intake

PUBLISHED, ROW_COUNT = "published", "row_count"
MOST_ROWS = 200  # of a table in the UI


def raw_asset(
    table: RawTable,
    partitions: DailyPartitionsDefinition,
    settings: Settings,
    horizons: Mapping[str, int],
) -> AssetsDefinition:
    """Return the asset of one raw table: grain one row per line of a landing file.

    horizons: see `ingestion.clock.read_clock`.
    """

    @asset(
        key=["raw", table.name],
        deps=[AssetKey(["raw", parent]) for parent in table.parents],
        partitions_def=partitions,
        backfill_policy=BackfillPolicy.single_run(),
        check_specs=check_specs(table),
        group_name="raw",
        kinds={"spark", "ducklake"},
        pool=HEAVY,
        description=f"Landing files {table.ingest.path}, checked row by row against {table.file}.",
        metadata={"dagster/column_schema": column_schema(table)},
    )
    def raw(
        context: AssetExecutionContext, lake: Lake, spark: ResourceParam[Any]
    ) -> MaterializeResult:
        from ingestion.deliveries import held_deliveries, warned_deliveries
        from ingestion.rejects import rejects
        from ingestion.take_in import Loader, take_in

        days = days_of(context)
        loader = Loader(
            lake,
            lambda: spark.spark_session,
            table,
            settings.landing,
            pii_key(settings),
            settings.home / "staging",
            horizons,
        )
        intake = take_in(loader, days)
        reached("delivery-published")
        return MaterializeResult(
            metadata=intake_metadata(intake, rejects(lake, table.name, days)),
            check_results=[
                verdict(PUBLISHED, held_deliveries(lake, table.name)),
                verdict(ROW_COUNT, warned_deliveries(lake, table.name, days)),
            ],
        )

    return raw


def check_specs(table: RawTable) -> list[AssetCheckSpec]:
    """Return the checks of a raw table; they warn and stop nothing."""
    about = {
        PUBLISHED: "No day waits for a person: a held delivery stays invisible downstream.",
        ROW_COUNT: "No delivery of the run has far fewer rows than usual, or ends too early.",
    }
    return [
        AssetCheckSpec(name, asset=["raw", table.name], description=text)
        for name, text in about.items()
    ]


def intake_metadata(intake: "Intake", found: "Rejects") -> dict[str, MetadataValue]:
    """Return the counts of a pass, in lines of files, and what its days' files had of rejects."""
    extra = sorted({name for d in intake.deliveries for name in d.landed.extra})
    counts = {
        "files": sum(1 for d in intake.deliveries if d.landed.file),
        "rows_read": sum(d.read for d in intake.deliveries),
        "rows_accepted": sum(d.accepted for d in intake.deliveries),
        "rows_quarantined": sum(d.quarantined for d in intake.deliveries),
        "days_unchanged": intake.unchanged,
        "days_held": len(intake.held),
        "columns_not_stored": ", ".join(extra) or None,
    }
    if not found.by_day:
        return described(counts)
    return {
        **described(counts),
        "rejects": as_table(found.by_day[:MOST_ROWS]),
        "reject_samples": as_table(found.samples[:MOST_ROWS]),
    }


def verdict(name: str, days: Mapping[date, str]) -> AssetCheckResult:
    """Return a check that names every day that a person should look at, and why."""
    return AssetCheckResult(
        check_name=name,
        passed=not days,
        severity=AssetCheckSeverity.WARN,
        metadata={str(day): MetadataValue.text(why) for day, why in days.items()},
    )


def report_release(instance: DagsterInstance, lake: Lake, released: "Released") -> None:
    """Show a release in the UI: the day is materialized anew, and the check says what is left.

    Told again, e.g. because the process ended before it was told, it is there once.
    """
    from ingestion.deliveries import held_deliveries

    key, partition = AssetKey(["raw", released.table]), released.day.isoformat()
    text = f"released: {released.why}"
    told = instance.fetch_materializations(AssetRecordsFilter(key, [partition]), limit=1).records
    if any((last := event.asset_materialization) and last.description == text for event in told):
        return
    metadata = described(vars(released), but=("table", "day"))
    instance.report_runless_asset_event(AssetMaterialization(key, text, metadata, partition))
    found = verdict(PUBLISHED, held_deliveries(lake, released.table))
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            key, PUBLISHED, found.passed, metadata=found.metadata, severity=found.severity
        )
    )


def column_schema(table: RawTable) -> TableSchema:
    """Return the table's columns as the UI shows them."""
    return TableSchema(
        columns=[
            TableColumn(c.name, c.stored_type, description="keyed hash" if c.pii else None)
            for c in table.columns
        ]
    )
