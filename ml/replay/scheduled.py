"""Policies that know only the calendar: train on everything matured, deploy, ask nobody."""

from datetime import date

from ml.recipes import WINDOW, Recipe
from ml.replay.outcome import Outcome, Training
from ml.replay.plan import Plan
from ml.replay.reigns import Reigns
from ml.replay.train import unjudged
from ml.replay.version import Version, cpu_seconds
from ml.replay.world import World

SCHEDULES = {"daily": 1, "weekly": 7, "monthly": 30, "never": None}  # days between trainings


class Scheduled:
    """The state of one replay, which begins with the model that the gate let in first."""

    def __init__(self, world: World, plan: Plan, policy: str, first: Version) -> None:
        self.world, self.plan, self.policy = world, plan, policy
        self.every = SCHEDULES[policy]
        self.reigns = Reigns(world)
        self.reigns.crown(first.as_of, first)
        self.trainings: list[Training] = []
        self.trained = first.as_of

    def day(self, as_of: date) -> None:
        """Score a day, and train where the calendar says so."""
        self.reigns.score(as_of)
        if self.every is not None and (as_of - self.trained).days >= self.every:
            self.trained = as_of
            self._train(as_of)

    def _train(self, as_of: date) -> None:
        began, recipe = cpu_seconds(), Recipe(WINDOW, self.plan.window_days, self.plan.every_days)
        version = unjudged(self.world, self.plan, as_of, recipe, len(self.trainings) + 2)
        why = f"{self.policy} without a gate" if version else "too few rows have matured"
        spent = cpu_seconds() - began
        reasons = (f"schedule: {self.policy}",)
        self.trainings.append(
            Training(as_of, reasons, "normal", recipe.name, version is not None, why, spent)
        )
        if version:
            self.reigns.crown(as_of, version)

    def outcome(self, seconds: float) -> Outcome:
        """All that has happened; seconds: of CPU."""
        reigns = self.reigns
        return Outcome(
            self.policy, reigns.days, self.trainings, reigns.deployments(), seconds=seconds
        )
