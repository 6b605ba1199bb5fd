"""A model's decision of the frontier day becomes a training run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagster import (
    DagsterRun,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

import ledger
from declaration import MlModel
from plan import ATTEMPT_TAG, DAY_TAG, GOING, MODEL_TAG, ORPHAN_TAG, training
from resources.lake import Lake


def requested(
    decision: Mapping[str, Any] | None, runs: Sequence[DagsterRun], max_attempts: int
) -> RunRequest | SkipReason:
    """Return the training run that the frontier's decision asks for, or why there is none.

    decision: newest row of `ledger.decisions`; runs: the model's training runs of any day.
    """
    if decision is None:
        return SkipReason("no decision yet: materialize the model's decision for a day")
    day, model = decision["as_of"], decision["model"]
    if decision["kind"] != "retrain":
        why = "; ".join(_reasons(decision)) or "nothing failed"
        return SkipReason(f"{day}: {decision['kind']}: {why}")
    going = [run for run in runs if run.status in GOING]
    if going:
        return SkipReason(f"{day}: run {going[0].run_id} of {model} is still going")
    tried = [run for run in runs if run.tags.get(DAY_TAG) == str(day)]
    if any(run.is_success for run in tried):
        return SkipReason(f"{day}: trained already")
    failed = [run for run in tried if ORPHAN_TAG not in run.tags]
    if len(failed) >= max_attempts:
        return SkipReason(f"{day}: {len(failed)} attempts have failed: look at the last run")
    attempts = [int(run.tags.get(ATTEMPT_TAG, 0)) for run in tried]
    return training(model, day, decision["lane"], _reasons(decision), max(attempts, default=0) + 1)


def retrain_on_drift(model: MlModel) -> SensorDefinition:
    """Return the sensor of one model."""

    @sensor(
        name=f"{model.name}_retrain_on_drift",
        job_name=f"{model.name}_training",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description=f"Trains {model.name} when its newest decision is `retrain`: a drift check "
        "failed with ERROR, today or on a day that had to wait; features are made by other SQL; a "
        "challenger is due; or there is enough to learn a first model from.",
    )
    def evaluate(context: SensorEvaluationContext, lake: Lake) -> RunRequest | SkipReason:
        mine = RunsFilter(job_name=f"{model.name}_training", tags={MODEL_TAG: model.name})
        runs = context.instance.get_runs(mine, limit=100)
        return requested(ledger.frontier(lake, model.name), runs, model.retrain.max_attempts)

    return evaluate


def _reasons(decision: Mapping[str, Any]) -> list[str]:
    return json.loads(decision["reasons"])
