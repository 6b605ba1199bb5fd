"""What a live model says of every day, and how wrong that was: predictions and performance."""

from collections.abc import Sequence

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    TimeWindowPartitionMapping,
    asset,
)

from assets.keys import features_key, labels_key
from assets.partitions import HEAVY, days_of
from commit_points import reached
from declaration import MlModel
from resources.lake import Lake
from resources.registry import Registry

SCORING_CHECKS = {
    "complete": "Every day that has a champion was scored; a day without is named with why.",
    "same_features": "Each version scores features by the SQL that it has learned from.",
    "one_version": "The table's days and the live versions are of the features as they are now.",
    "shadow": "While a champion is on trial the version before it scored the same days.",
}
MOST_REASONS = 5  # in a description; the metadata has all


def predictions_asset(model: MlModel, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    """Return a model's predictions: a day is scored by the champion of the day before."""
    champion = AssetDep(
        AssetKey([model.name, "champion"]),
        partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=-1),
    )

    @asset(
        key_prefix=[model.name],
        partitions_def=partitions,
        group_name=model.name,
        deps=[features_key(model), champion],
        check_specs=[
            AssetCheckSpec(name, asset=[model.name, "predictions"], description=what)
            for name, what in SCORING_CHECKS.items()
        ],
        backfill_policy=BackfillPolicy.single_run(),
        kinds={"pytorch", "ducklake"},
        pool=HEAVY,
    )
    def predictions(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """One row per entity and day, by the champion that the ledger names for the day."""
        from assets.column_metadata import prediction_metadata
        from lifecycle import scoring
        from lifecycle.move import OVER, move_of

        days = days_of(context)
        context.add_asset_metadata(prediction_metadata(model), partition_key=str(days[-1]))
        done = scoring.predict(lake, registry, model, days)
        reached("predictions-kept")
        where = move_of(lake, model)
        skipped = {str(day): why for day, why in done.skipped.items()}
        return MaterializeResult(
            metadata={
                "rows": MetadataValue.int(done.rows),
                "days": MetadataValue.int(done.days),
                "features": MetadataValue.json(where.model_dump(mode="json")),
            },
            check_results=[
                warning("complete", [f"{day}: {why}" for day, why in skipped.items()]),
                warning("same_features", done.other_code),
                warning("one_version", [] if where.stands == OVER else [where.stands]),
                warning("shadow", done.shadow),
            ],
        )

    return predictions


def performance_asset(model: MlModel, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    """Return a model's losses, of the days whose labels have matured."""

    @asset(
        key_prefix=[model.name],
        partitions_def=partitions,
        group_name=model.name,
        deps=[
            AssetKey([model.name, "predictions"]),
            labels_key(model),
        ],
        backfill_policy=BackfillPolicy.single_run(),
        kinds={"ducklake"},
    )
    def performance(context: AssetExecutionContext, lake: Lake) -> MaterializeResult:
        """The champion's loss per day, once the day's labels have matured."""
        from lifecycle import losses

        days = losses.measure(lake, model, days_of(context))
        reached("performance-kept")
        return MaterializeResult(metadata={"days_with_loss": MetadataValue.int(days)})

    return performance


def warning(name: str, reasons: Sequence[str]) -> AssetCheckResult:
    """Return a check that passes where there is nothing to say; it never stops a run."""
    return AssetCheckResult(
        check_name=name,
        passed=not reasons,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(reasons[:MOST_REASONS]),
        metadata={"reasons": MetadataValue.json(list(reasons))},
    )
