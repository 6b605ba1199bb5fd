"""From the lake to the history that `ml.replay` works on; nothing of the model is changed."""

from dataclasses import replace
from datetime import date, timedelta

from assets.partitions import days_between
from declaration import MlModel
from errors import NoEvidenceError
from examples import labelled, schema
from lifecycle.calibration import label_days
from lifecycle.quality import blocked_days, held_days
from lifecycle.sketches import of_days, of_features
from lifecycle.splits import windows_of
from lifecycle.tested import checksums_of, failed_days, newest_made, unfit_days, without
from ml.cadence import Cadence
from ml.calibration import Table
from ml.incident import Finding
from ml.known import REFERENCE_DAYS
from ml.replay.plan import Plan
from ml.replay.world import World
from ml.tabular import TrainConfig
from ml.verdict import GatePolicy
from resources.lake import Lake


def world_of(lake: Lake, model: MlModel, first: date, last: date) -> World:
    """Return what happened from a reference before `first` to `last`, and its labels.

    Of days that different dbt models have made only those of the newest count. A held day counts as
    broken for good: whether it was released meanwhile is not replayed. Raises NoEvidenceError where
    there are no labelled rows.
    """
    before = max(model.train.window_days, REFERENCE_DAYS) + model.label.horizon_days
    days = days_between(first - timedelta(days=before), last)
    made = newest_made(checksums_of(lake, model.features.table, days))
    unfit = unfit_days(lake, model, days)
    used = without(made, {*blocked_days(lake, model), *unfit})
    if not used:
        raise NoEvidenceError(
            f"{model.name}: no day of {model.features.table} from {days[0]} to {days[-1]} has "
            "passed its tests: materialize it, or ask for days that `leeway status` shows as built"
        )
    rows = labelled(lake, model, used)
    return World(
        rows=rows,
        schema=schema(model, rows),
        horizon_days=model.label.horizon_days,
        features=watched(lake, model, made),
        labels=label_days(lake, model, made),
        findings=findings_of(lake, model, days),
    )


def watched(lake: Lake, model: MlModel, days: list[date]) -> dict[date, Table]:
    """Return the sketches of the columns that the watch compares; empty where a day has no rows."""
    found = of_days(lake, of_features(model), days)
    hidden = set(model.features.exclude)
    return {day: {n: s for n, s in found.get(day, {}).items() if n not in hidden} for day in days}


def findings_of(lake: Lake, model: MlModel, days: list[date]) -> dict[date, tuple[Finding, ...]]:
    """Return what was wrong with days: deliveries that were held, tests of features that failed."""
    found = {day: [finding] for day, finding in failed_days(lake, model, days).items()}
    for held in held_days(lake):
        reason = f"{held.day} is held: {held.reason}"
        found.setdefault(held.day, []).append(Finding("held delivery", None, reason, 1.0, 0.0))
    return {day: tuple(findings) for day, findings in found.items()}


def plan_of(model: MlModel, estimator: str | None, threads: int) -> Plan:
    """Return what a model declares; estimator: another one than it declares."""
    train, retrain = model.train, model.retrain
    return Plan(
        windows=windows_of(model),
        estimator=estimator or train.estimator,
        config=replace(TrainConfig(), seed=train.seed, threads=threads),
        recipes=train.recipes,
        window_days=train.window_days,
        every_days=train.every_days,
        min_rows=train.min_rows,
        cooldown_days=retrain.cooldown_days,
        cadence=Cadence(retrain.challenge_days, retrain.challenge_days_max),
        budget=retrain.budget,
        rest_days=retrain.rest_days,
        trial_days=model.trial.days,
        watch_days=model.drift.window_days,
        gate=GatePolicy(min_rows=model.gate.min_rows, seed=train.seed),
        slices=model.gate.slices,
    )
