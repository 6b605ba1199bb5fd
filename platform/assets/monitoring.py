"""The assets of a live model: predictions → performance, and decision."""

from collections.abc import Sequence
from typing import Any

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
    RunsFilter,
    TimeWindowPartitionMapping,
    asset,
)

from assets.models import day_of
from assets.partitions import HEAVY, days_of
from commit_points import reached
from declaration import MlModel
from lifecycle import deciding, losses, rollback, scoring
from plan import GOING, MODEL_TAG
from resources.lake import Lake
from resources.registry import Registry

SCORING_CHECKS = {
    "complete": "Every day that has a champion was scored; a day without is named with why.",
    "same_features": "Features were made by the dbt models that the version has learned from.",
    "shadow": "While a champion is on trial the version before it scored the same days.",
}
MOST_REASONS = 5  # in a description; the metadata has all


def monitoring_assets(
    model: MlModel, partitions: DailyPartitionsDefinition
) -> list[AssetsDefinition]:
    """Return predictions, performance and decision of one model; `assets.drift` has the checks."""
    common: dict[str, Any] = {
        "key_prefix": [model.name],
        "partitions_def": partitions,
        "group_name": model.name,
    }
    features = AssetKey([model.features_schema, model.features.table])
    labels = AssetKey([model.label_schema, model.label.table])
    champion = AssetDep(
        AssetKey([model.name, "champion"]),
        partition_mapping=TimeWindowPartitionMapping(start_offset=-1, end_offset=-1),
    )

    @asset(
        **common,
        deps=[features, champion],
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
        done = scoring.predict(lake, registry, model, days_of(context))
        reached("predictions-kept")
        skipped = {str(day): why for day, why in done.skipped.items()}
        return MaterializeResult(
            metadata={"rows": MetadataValue.int(done.rows), "days": MetadataValue.int(done.days)},
            check_results=[
                warning("complete", [f"{day}: {why}" for day, why in skipped.items()]),
                warning("same_features", done.other_code),
                warning("shadow", done.shadow),
            ],
        )

    @asset(
        **common,
        deps=[predictions, labels],
        backfill_policy=BackfillPolicy.single_run(),
        kinds={"ducklake"},
    )
    def performance(context: AssetExecutionContext, lake: Lake) -> MaterializeResult:
        """The champion's loss per day, once the day's labels have matured."""
        days = losses.measure(lake, model, days_of(context))
        reached("performance-kept")
        return MaterializeResult(metadata={"days_with_loss": MetadataValue.int(days)})

    @asset(**common, deps=[AssetKey([model.name, "drift"])], kinds={"ducklake"})
    def decision(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """What the day's evidence asks for: incident, retrain, wait or none, and why.

        Before it a champion on trial that is worse than the one before it goes back.
        """
        ruling = rollback.by_rule(lake, registry, model, day_of(context))
        training = RunsFilter(
            job_name=f"{model.name}_training",
            tags={MODEL_TAG: model.name},
            statuses=GOING,
        )
        in_flight = context.instance.get_runs_count(training) > 0
        made = deciding.decide(lake, model, day_of(context), in_flight)
        reached("decision-kept")
        return MaterializeResult(
            metadata={
                "decision": MetadataValue.text(made.kind),
                "lane": MetadataValue.text(made.lane),
                "reasons": MetadataValue.md("\n".join(f"- {r}" for r in made.reasons) or "none"),
                "trial": MetadataValue.text(ruling.why if ruling else "no champion is on trial"),
                "pending": MetadataValue.text("; ".join(made.pending) or "nothing"),
            }
        )

    return [predictions, performance, decision]


def warning(name: str, reasons: Sequence[str]) -> AssetCheckResult:
    """Return a check that passes where there is nothing to say; it never stops a run."""
    return AssetCheckResult(
        check_name=name,
        passed=not reasons,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(reasons[:MOST_REASONS]),
        metadata={"reasons": MetadataValue.json(list(reasons))},
    )
