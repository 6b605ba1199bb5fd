"""Train a decision day's candidates, let the gate judge them, refit the one that goes live."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from ml import gate, splits
from ml.baselines import fit_baselines
from ml.errors import SplitError
from ml.estimators import Fitted, estimator
from ml.evaluation import day_losses
from ml.evidence import Evidence, Learned, Scored
from ml.offers import distinct_splits, matured
from ml.recipes import Recipe
from ml.replay.plan import Plan
from ml.replay.version import Version
from ml.replay.world import World
from ml.splits import Parts, Split
from ml.task import Floats, Task
from ml.tracker import NoTracker


@dataclass(frozen=True)
class Judged:
    """What became of a training; `version` is what goes live, None where nothing does."""

    recipe: str | None
    version: Version | None
    why: str


def judge(
    world: World,
    plan: Plan,
    as_of: date,
    recipes: tuple[Recipe, ...],
    *,
    resting: Collection[str],
    lane: str,
    rival: Version | None,
    since: date | None,
    number: int,
) -> Judged:
    """Train a candidate by each recipe and judge the best.

    resting: names of recipes that may not be trained, nor what would teach the same. rival: what it
    has to beat, None for a first model. since: first day of a world that is new. number:
    of the version that may come of it. Rows, splits, gate and refit are those of production.
    """
    try:
        offers = offered(plan, as_of, recipes, lane, rival, since)
    except SplitError as error:
        return Judged(None, None, str(error))
    rows = world.of(world.sound(sorted({day for split in offers for day in split.days})))
    counts = distinct_splits(offers, rows, world.schema)
    enough = (split for split, n in counts.items() if matured(n) >= plan.min_rows)
    chosen = [split for split in enough if split.recipe.name not in resting]
    if not chosen:
        return Judged(None, None, f"fewer than {plan.min_rows} training rows have matured")
    parts = {split.recipe.name: split.parts(rows, world.schema) for split in chosen}
    fitted = {name: _fit(world, plan, part) for name, part in parts.items()}
    shown = _evidence(world, plan, as_of, chosen, parts, fitted, rival)
    verdict = gate.decide(shown, plan.gate)
    why = "; ".join(verdict.reasons)
    if not verdict.promote or verdict.candidate is None:
        return Judged(verdict.candidate, None, why)
    recipe = next(split.recipe for split in chosen if split.recipe.name == verdict.candidate)
    gated, test = fitted[recipe.name], parts[recipe.name].test
    predictions = gated.predict(test)
    losses = day_losses(test, world.schema, predictions)
    version = refit(world, plan, as_of, recipe, gated, number)
    version = replace(version, judged=losses, shown=test, let_in_for=since)
    agrees = gate.refit_agrees(world.schema.target, predictions, version.model.predict(test))
    if agrees.passed:
        return Judged(recipe.name, version, why)
    why = f"{why}; {agrees}, so what was judged goes live"
    return Judged(recipe.name, replace(version, model=gated), why)


def refit(
    world: World, plan: Plan, as_of: date, recipe: Recipe, gated: Fitted, number: int
) -> Version:
    """Train a recipe again on everything that has matured."""
    split = splits.refit(as_of, plan.windows, recipe)
    parts = split.parts(world.of(world.sound(split.days)), world.schema)
    fit = estimator(plan.estimator).fit
    model = fit(parts.train, None, world.schema, gated.refit_config, NoTracker(), parts.weights)
    return Version(number, as_of, recipe.name, model, world)


def unjudged(world: World, plan: Plan, as_of: date, recipe: Recipe, number: int) -> Version | None:
    """Train on everything that has matured, stopped by a holdout, and ask no gate.

    What a schedule without a gate deploys; None where there are too few rows.
    """
    last = world.matured(as_of)
    split = Split(recipe, recipe.days(last), (), splits.HOLDOUT_SHARE)
    parts = split.parts(world.of(world.sound(split.days)), world.schema)
    if parts.train.num_rows + parts.holdout.num_rows < plan.min_rows:
        return None
    return Version(number, as_of, recipe.name, _fit(world, plan, parts), world)


def offered(
    plan: Plan,
    as_of: date,
    recipes: tuple[Recipe, ...],
    lane: str,
    rival: Version | None,
    since: date | None,
) -> list[Split]:
    """Return the recipes' splits; days that the rival has learned from do not judge.

    Raises SplitError where no day may judge in the alarm lane.
    """
    unseen = rival.as_of + timedelta(days=1) if rival else None
    if lane != "alarm":
        return [splits.normal(as_of, plan.windows, recipe, unseen) for recipe in recipes]
    first = max((day for day in (unseen, since) if day), default=None)
    return [splits.alarm(as_of, plan.windows, recipe, first) for recipe in recipes]


def _fit(world: World, plan: Plan, parts: Parts) -> Fitted:
    fit = estimator(plan.estimator).fit
    return fit(parts.train, parts.holdout, world.schema, plan.config, NoTracker(), parts.weights)


def _evidence(
    world: World,
    plan: Plan,
    as_of: date,
    chosen: list[Split],
    parts: Mapping[str, Parts],
    fitted: Mapping[str, Fitted],
    rival: Version | None,
) -> Evidence:
    test = next(iter(parts.values())).test
    what = {
        s.recipe.name: s.learned(parts[s.recipe.name], world.schema, plan.windows) for s in chosen
    }
    predictions = {name: model.predict(test) for name, model in fitted.items()}

    def scored(values: Floats, source: Learned) -> Scored:
        return Scored.of(test, world.schema, values, source)

    baselines = {}
    if rival is None and test.num_rows:
        first = next(iter(parts))
        found = fit_baselines(parts[first], world.schema, plan.config)
        beaten = gate.first_model_beats(world.schema.target)
        baselines = {n: scored(found[n].predict(test), what[first]) for n in beaten}
    return Evidence.of(
        test,
        world.schema,
        as_of=as_of,
        horizon_days=world.horizon_days,
        candidates={name: scored(values, what[name]) for name, values in predictions.items()},
        champion=scored(rival.model.predict(test), Learned(rival.as_of)) if rival else None,
        first=rival is None,
        reload_differences={
            n: _reloaded(world.schema.target, plan, fitted[n], test, v)
            for n, v in predictions.items()
        },
        baselines=baselines,
        slices=plan.slices,
    )


def _reloaded(task: Task, plan: Plan, model: Fitted, test: pa.Table, given: Floats) -> float:
    """Return the largest difference of the predictions after saving and loading."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        again = estimator(plan.estimator).load(Path(folder)).predict(test)
    return task.difference(given, again)
