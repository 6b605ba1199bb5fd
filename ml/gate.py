"""Which candidate may go live, if any: a pure function of evidence and policy that fails closed.

First the evidence itself is checked (`ml.soundness`); where it is not sound nothing is compared.
Then the best candidate must beat its references on the same matured rows, row by row: the champion,
or for the first model the base rate and a linear regression (logistic, or ridge). The lower bounds
over day blocks and over entities must both lie above 0: either dependence makes rows look surer
than they are. The best of several looks better than it is, so each is allowed its share of alpha
(Bonferroni). And what a fortnight's level gives it must not hide that it tells rows apart worse:
both moved to the level of the test rows, it may not lose (bench/drift/gate.py: behind every
materially worse promotion).

A champion that has learned from features which the project makes no more is not asked to be beaten,
only not to be worse than (non-inferiority): its SQL has no owner, and two versions of a feature are
kept up as long as it is live.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from ml.bootstrap import by_days, mean_quantile
from ml.evidence import Evidence, Scored
from ml.soundness import soundness
from ml.task import Floats, Task
from ml.verdict import Check, GatePolicy, Verdict, at_least, at_most

CANDIDATE, CHAMPION = "candidate", "champion"
BASE_RATE = "base_rate"


def decide(evidence: Evidence, policy: GatePolicy) -> Verdict:
    """Judge the best candidate; every check is in the verdict, and any that fails refuses."""
    candidates = {candidate_name(r): scored for r, scored in evidence.candidates.items()}
    references = _references(evidence)
    checks = list(soundness(evidence, {**candidates, **references}, policy))
    if not all(check.passed for check in checks):
        return Verdict.refused(checks)

    task, labels = evidence.task, evidence.labels
    recipe = best(task, labels, _predictions(evidence.candidates))
    rivals = _predictions(references)
    prediction = _predictions(evidence.candidates)[recipe]
    candidate = task.losses(labels, prediction)
    losses = {name: task.losses(labels, p) for name, p in rivals.items()}
    gains = {name: 1 - float(candidate.mean() / loss.mean()) for name, loss in losses.items()}
    bounds = {n: _lower_bound(evidence, loss - candidate, policy) for n, loss in losses.items()}
    strongest = min(gains, key=lambda name: gains[name])

    difference = evidence.reload_differences.get(recipe)
    checks.append(at_most("difference after reload", difference, policy.reload_limit))
    for name in losses:
        least, level = _least(name, policy)
        limit = min(least, 0) * float(losses[name].mean())
        checks.append(at_least(f"gain over {name}", gains[name], least))
        is_sure = bounds[name] > limit
        checks.append(Check(f"lower bound over {name}", is_sure, bounds[name], f"> {limit:g}"))
        checks.append(_same_level(name, evidence, prediction, rivals[name], level))
    checks.append(_calibration(evidence, prediction, rivals[strongest], policy))
    checks += _slices(evidence, candidate, losses[strongest], policy)
    return Verdict.of(checks, recipe, strongest, gains[strongest], bounds[strongest], task)


def first_model_beats(task: Task) -> tuple[str, str]:
    """Names of the baselines that a first model has to beat."""
    return BASE_RATE, task.linear_name


def best(task: Task, labels: Floats, predictions: Mapping[str, Floats]) -> str:
    """The recipe with the lowest mean loss on the test rows.

    Of equal ones the first; one whose loss is no number comes last.
    """
    losses = {recipe: float(task.losses(labels, p).mean()) for recipe, p in predictions.items()}
    return min(losses, key=lambda r: losses[r] if math.isfinite(losses[r]) else math.inf)


def candidate_name(recipe: str) -> str:
    """What a candidate is called beside the models it is compared with."""
    return f"{CANDIDATE} {recipe}"


def refit_agrees(task: Task, gated: Floats, refit: Floats, limit: float = 0.5) -> Check:
    """Whether a refit is still the model that was judged; both of the same recent rows.

    Measured is the mean absolute difference as a share of the larger standard deviation of the two,
    which knows no scale, and of several classes that which differs most: from few days of a new
    world the gated model, of half of the entities, has learned less and says it more softly. On
    100,000 rows of a real shop another seed differs by 0.04 to 0.06, a refit on four newer weeks by
    0.06 to 0.23, and a refit on shuffled labels, or none at all, by 0.7; on the 5,000 to 10,000
    rows of the demo's shop a sound refit differs by up to 0.4.
    """
    if gated.shape != refit.shape or gated.shape != task.shape(len(gated)) or not len(gated):
        return at_most("refit differs from the gated model", None, limit)
    larger = np.fmax(gated.std(axis=0), refit.std(axis=0))
    spread = np.maximum(larger, 1e-3 * task.unit_of(gated))
    difference = np.abs(gated - refit).mean(axis=0) / spread
    return at_most("refit differs from the gated model", float(np.max(difference)), limit)


def _references(evidence: Evidence) -> Mapping[str, Scored | None]:
    """What must be beaten; what is None here has to be there."""
    references: dict[str, Scored | None] = {}
    if evidence.first:
        references |= {n: evidence.baselines.get(n) for n in first_model_beats(evidence.task)}
    if evidence.champion is not None or not evidence.first:
        references[CHAMPION] = evidence.champion
    return references


def _predictions(models: Mapping[str, Scored | None]) -> dict[str, Floats]:
    return {name: scored.predictions for name, scored in models.items() if scored}


def _lower_bound(evidence: Evidence, gain: Floats, policy: GatePolicy) -> float:
    """The lower of the two bounds on the mean gain per row, in the loss's unit."""
    level, keys = policy.alpha / len(evidence.candidates), evidence.keys
    over_days = by_days(gain, keys.day, level, policy.seed)
    over_entities = mean_quantile(gain, keys.entity, level=level, seed=policy.seed)
    return min(over_days, over_entities)


def _least(name: str, policy: GatePolicy) -> tuple[float, float]:
    """The least gain over a reference, and at the same level, as shares of its mean loss."""
    if name == CHAMPION and policy.moved:
        return -policy.moved_loss, -policy.moved_loss
    return policy.min_gain, -policy.min_gain


def _same_level(
    name: str, evidence: Evidence, candidate: Floats, reference: Floats, least: float
) -> Check:
    """A level that fits these days may be luck or may be the news; its cost elsewhere is neither.

    No gain is asked for here, or a world where only the level has moved would never be followed.
    """
    task, labels = evidence.task, evidence.labels
    moved = (task.levelled(labels, predictions) for predictions in (candidate, reference))
    own, other = (task.losses(labels, predictions).mean() for predictions in moved)
    gain = 1 - float(own / other)
    return at_least(f"gain over {name} at the same level", gain, least)


def _calibration(
    evidence: Evidence, candidate: Floats, reference: Floats, policy: GatePolicy
) -> Check:
    """Expected calibration error must not grow by more than chance lets it.

    On few rows the limit is the largest standard error of a share, 0.5 / sqrt(rows); of a number
    both are shares of its own spread.
    """
    task, labels = evidence.task, evidence.labels
    worse = task.calibration_error(labels, candidate) - task.calibration_error(labels, reference)
    limit = max(policy.calibration_loss, 0.5 / len(labels) ** 0.5) * task.unit_of(labels)
    return at_most("growth of the calibration error", worse, limit)


def _slices(
    evidence: Evidence, candidate: Floats, reference: Floats, policy: GatePolicy
) -> Iterator[Check]:
    """One check for each slice with enough rows and entities, then how many had not."""
    small = 0
    for column, values in evidence.slices.items():
        for value in np.unique(values):
            rows = values == value
            entities = evidence.keys.entity[rows]
            few = len(np.unique(entities)) < policy.slice_min_entities
            if few or rows.sum() < policy.slice_min_rows:
                small += 1
                continue
            worse = candidate[rows] - reference[rows]
            share = float(worse.mean() / reference[rows].mean())
            sure = mean_quantile(worse, entities, level=policy.slice_alpha, seed=policy.seed) > 0
            limit = f"<= {policy.slice_loss:g}, or not sure to be worse"
            passed = share <= policy.slice_loss or not sure
            yield Check(f"loss growth where {column} is {value}", passed, share, limit)
    if evidence.slices:
        yield Check("slices too small to judge", True, float(small), "only told")
