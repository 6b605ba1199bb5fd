"""The asset that watches a model: checks of a day, with a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    TimeWindowPartitionMapping,
    asset,
)

from assets.keys import features_key
from assets.metadata import table
from assets.models import day_of
from assets.partitions import HEAVY
from commit_points import reached
from declaration import MlModel
from resources.answers import steady
from resources.lake import Lake
from resources.registry import Registry

if TYPE_CHECKING:
    from lifecycle.monitoring import Check, Watch

CHECKS = {
    "features": "Columns are as far from the reference as its own days are from one another.",
    "prediction": "The same of the champion's predictions.",
    "label": "The same of the labels that have matured.",
    "performance": "The champion's loss on matured labels is that of the days it was judged by.",
    "estimated_performance": "While labels mature: the loss that the model itself expects. "
    "Blind to concept drift.",
    "incidents": "No day of the window is broken. Nothing is trained on one that is.",
}
LOSSES = ("performance", "estimated_performance")


def drift_asset(
    model: MlModel, partitions: DailyPartitionsDefinition, workspace: Path
) -> AssetsDefinition:
    """Return a model's drift asset; workspace: where Evidently keeps its own history."""
    window = TimeWindowPartitionMapping(start_offset=1 - model.drift.window_days)

    @asset(
        key_prefix=[model.name],
        partitions_def=partitions,
        group_name=model.name,
        deps=[
            AssetDep(AssetKey([model.name, "predictions"]), partition_mapping=window),
            AssetDep(features_key(model), partition_mapping=window),
            AssetKey([model.name, "performance"]),
        ],
        check_specs=[
            AssetCheckSpec(name, asset=[model.name, "drift"], description=what)
            for name, what in CHECKS.items()
        ],
        kinds={"evidently"},
        pool=HEAVY,
    )
    def drift(context: AssetExecutionContext, lake: Lake, registry: Registry) -> MaterializeResult:
        """Features, predictions and losses of the last days against what the champion knows."""
        from lifecycle.monitoring import watch

        with steady():
            found = watch(lake, registry, model, day_of(context), workspace)
        reached("checks-kept")
        return MaterializeResult(
            metadata={
                "report": MetadataValue.url(found.report_url or "no day could be compared"),
                "version": MetadataValue.int(found.version),
                "columns": columns(found),
                **plotted(found),
            },
            check_results=[verdict(check, found) for check in found.checks],
        )

    return drift


def columns(found: "Watch") -> MetadataValue:
    """Return every column's drift beside its importance, worst first."""
    return table([{**vars(c), "importance": found.importance.get(c.column)} for c in found.columns])


def plotted(found: "Watch") -> dict[str, Any]:
    """Return the checks' numbers as metadata of the asset, which Dagster plots over time."""
    return {
        f"{check.name}_{what}": MetadataValue.float(value)
        for check in found.checks
        for what, value in (("statistic", check.statistic), ("threshold", check.threshold))
    }


def verdict(check: "Check", found: "Watch") -> AssetCheckResult:
    """Return a day's check as Dagster shows it: numbers, and what drives them."""
    return AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=AssetCheckSeverity[check.severity],
        description=check.reason,
        metadata={
            "statistic": check.statistic,
            "threshold": check.threshold,
            "since": str(check.since or ""),
            **driven_by(check, found),
        },
    )


def driven_by(check: "Check", found: "Watch") -> dict[str, MetadataValue]:
    """Return the columns that drive an alarm, worst first, or the findings of an incident."""
    if check.name == "incidents":
        return {"findings": table([vars(finding) for finding in found.findings])}
    if check.name in LOSSES:
        return {"columns": MetadataValue.text("none: it is about the loss")}
    scores = {column.column: column.score for column in found.columns}
    return {
        "columns": table(
            [
                {
                    "column": name,
                    "adds_up_to": total,
                    "importance": found.importance.get(name),
                    "distance": scores.get(name),
                }
                for name, total in check.sums.items()
            ]
        )
    }
