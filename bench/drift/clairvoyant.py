"""What could be reached at best on a stream: a policy that knows on which days the rule changes.

Every second day it trains on nothing but matured rows since the newest change that has matured. Of
the newest model of every rule so far and the first one it takes, on each day, the best by the day's
own labels. No policy can know either, so a goal beyond it cannot be met on the stream.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from ml.recipes import Recipe
from ml.replay.adaptive import Adaptive
from ml.replay.outcome import DayLoss, Outcome
from ml.replay.plan import Plan
from ml.replay.train import unjudged
from ml.replay.version import Version, cpu_seconds
from ml.replay.world import World

EVERY = 2  # days between trainings
LEAST_ROWS = 600  # two days and a bit: fewer teach nothing
DAILY = 28  # days of a rule that are all learned from; of more every second one


def run(world: World, plan: Plan, days: Sequence[date], changes: Sequence[date]) -> Outcome:
    """Replay it over `days`; changes: first days of the rules after the first one, ascending."""
    began, rules = cpu_seconds(), [days[0], *changes]
    production = Adaptive(world, plan)
    newest: dict[date, Version] = {}
    lived: list[DayLoss] = []
    for n, day in enumerate(days):
        if production.reigns.live is None:
            production.day(day)
            continue
        models = [production.reigns.live, *newest.values()]
        best = min((model.day_loss(day) for model in models), key=lambda found: found.mean)
        lived.append(DayLoss(day, 0, best.rows, best.mean))
        last = world.matured(day)
        rule = max(first for first in rules if first <= max(last, days[0]))
        if n % EVERY == 0 and (version := _of_rule(world, plan, day, rule, last)):
            newest[rule] = version
    return Outcome("clairvoyant", lived, (), (), seconds=cpu_seconds() - began)


def _of_rule(world: World, plan: Plan, day: date, rule: date, last: date) -> Version | None:
    length = (last - rule + timedelta(1)).days
    if length < 1:
        return None
    stride = 1 if length <= DAILY else plan.every_days
    recipe = Recipe("since the change", min(length, plan.window_days), stride)
    return unjudged(world, replace(plan, min_rows=LEAST_ROWS), day, recipe, 0)
