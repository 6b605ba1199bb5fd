"""The asset that decides: what a day's evidence asks for."""

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    DailyPartitionsDefinition,
    MaterializeResult,
    MetadataValue,
    RunsFilter,
    asset,
)

from assets.models import day_of
from commit_points import reached
from declaration import MlModel
from plan import GOING, MODEL_TAG
from resources.answers import steady
from resources.lake import Lake
from resources.registry import Registry


def decision_asset(model: MlModel, partitions: DailyPartitionsDefinition) -> AssetsDefinition:
    """Return a model's decisions; sensors act on them only."""

    @asset(
        key_prefix=[model.name],
        partitions_def=partitions,
        group_name=model.name,
        deps=[AssetKey([model.name, "drift"])],
        kinds={"ducklake"},
    )
    def decision(
        context: AssetExecutionContext, lake: Lake, registry: Registry
    ) -> MaterializeResult:
        """What the day's evidence asks for: incident, retrain, wait or none, and why.

        Before it a champion on trial that is worse than the one before it goes back.
        """
        from lifecycle import deciding, rollback

        with steady():
            ruling = rollback.by_rule(lake, registry, model, day_of(context))
            made = deciding.decide(lake, model, day_of(context), in_flight(context.instance, model))
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

    return decision


def in_flight(instance: DagsterInstance, model: MlModel) -> bool:
    """Return whether a training of the model is queued or runs."""
    tags = {MODEL_TAG: model.name}
    training = RunsFilter(job_name=f"{model.name}_training", tags=tags, statuses=GOING)
    return instance.get_runs_count(training) > 0
