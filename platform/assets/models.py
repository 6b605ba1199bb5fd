"""The assets that make one model: training_set → candidate → evaluation → champion."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetsDefinition,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    TimeWindowPartitionMapping,
    asset,
)

from assets.keys import features_key, labels_key
from assets.metadata import described, pictures, table
from assets.partitions import HEAVY
from commit_points import reached
from declaration import MlModel
from resources.lake import Lake
from resources.registry import Registry


def model_assets(model: MlModel, partitions: DailyPartitionsDefinition) -> list[AssetsDefinition]:
    """Return a model's assets, one partition per decision day."""
    common: dict[str, Any] = {
        "key_prefix": [model.name],
        "partitions_def": partitions,
        "group_name": model.name,
    }
    training_set = _training_set(model, common)
    candidate = _candidate(model, {**common, "deps": [training_set]})
    evaluation = _evaluation(model, {**common, "deps": [candidate]})
    return [training_set, candidate, evaluation, _champion(model, {**common, "deps": [evaluation]})]


def _training_set(model: MlModel, common: Mapping[str, Any]) -> AssetsDefinition:
    window = TimeWindowPartitionMapping(start_offset=-model.train.window_days)
    inputs = [
        AssetDep(key, partition_mapping=window) for key in (features_key(model), labels_key(model))
    ]

    @asset(**common, deps=inputs, kinds={"ducklake"})
    def training_set(context: AssetExecutionContext, lake: Lake) -> MaterializeResult:
        """Manifest of the rows that candidates learn from and are judged by; no copy of them."""
        from lifecycle import training_set as training_sets

        manifest = training_sets.build(lake, model, day_of(context))
        reached("training-set-kept")
        return MaterializeResult(metadata=described(manifest, but=("partitions", "spec")))

    return training_set


def _candidate(model: MlModel, common: Mapping[str, Any]) -> AssetsDefinition:
    @asset(**common, kinds={"pytorch", "mlflow"}, pool=HEAVY)
    def candidate(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """A network for each recipe of the training set, as registered versions."""
        from lifecycle import candidate as candidates

        rows = candidates.train(lake, registry, model, day_of(context), lake.threads)
        urls = {r: registry.version_url(model.name, row["version"]) for r, row in rows.items()}
        links = {f"url_{recipe}": MetadataValue.url(url) for recipe, url in urls.items()}
        return MaterializeResult(metadata={"candidates": table(list(rows.values())), **links})

    return candidate


def _evaluation(model: MlModel, common: Mapping[str, Any]) -> AssetsDefinition:
    @asset(**common, kinds={"lightgbm", "mlflow"}, pool=HEAVY)
    def evaluation(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """Candidates, champion and baselines on the same matured rows that none has seen."""
        from lifecycle import evaluation as evaluations

        found = evaluations.evaluate(lake, registry, model, day_of(context), lake.threads)
        reached("evaluated")
        return MaterializeResult(
            metadata={"scores": table(found.scores), **pictures(found.figures)}
        )

    return evaluation


def _champion(model: MlModel, common: Mapping[str, Any]) -> AssetsDefinition:
    @asset(**common, kinds={"mlflow"}, pool=HEAVY)
    def champion(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """The gate's verdict; where it promotes, the recipe is refitted and goes live next day."""
        from lifecycle import card, promotion

        verdict = promotion.judge(lake, registry, model, day_of(context), lake.threads)
        reached("alias-moved")
        cards = card.publish(lake, registry, model, day_of(context))
        return MaterializeResult(
            metadata={
                "promoted": MetadataValue.bool(verdict["promoted"]),
                "version": MetadataValue.int(verdict["version"]),
                "card": MetadataValue.url(cards[verdict["version"]]),
                "reasons": MetadataValue.md("\n".join(f"- {r}" for r in verdict["reasons"])),
                "checks": table(verdict["checks"]),
            }
        )

    return champion


def day_of(context: AssetExecutionContext) -> date:
    """Return the decision day of a run."""
    return date.fromisoformat(context.partition_key)
