"""The trial of a new champion in a replay: the version before it scores the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ml.replay.version import Version
from ml.replay.world import World
from ml.trial import Differences, Trial, rule


@dataclass(frozen=True)
class Trying:
    """`version` beside `shadow`, which was live before it."""

    world: World
    trial: Trial
    version: Version
    shadow: Version

    @classmethod
    def begin(cls, world: World, version: Version, shadow: Version, days: int) -> "Trying":
        """From the day after the decision on."""
        first = version.as_of + timedelta(days=1)
        return cls(world, Trial(first, days, world.horizon_days), version, shadow)

    def lost(self, as_of: date, seed: int) -> str | None:
        """Why to go back at the end of a day; None where the version stays.

        Asked again with the same rows the answer is the same, so only the days of a look are asked.
        """
        horizon = timedelta(self.world.horizon_days)
        if as_of not in [last + horizon for last in self.trial.looks]:
            return None
        span = self.trial.first, as_of - horizon
        days = self.world.sound(day for day in self.world.spans if span[0] <= day <= span[1])
        found = rule(self.trial, as_of, self._differences(days), (), seed=seed)
        return found.why if found.go_back else None

    def _differences(self, days: Sequence[date]) -> Differences:
        rows, schema = self.world.of(days), self.world.schema
        worse = [self.version.row_losses(day) - self.shadow.row_losses(day) for day in days]
        return Differences(
            rows[schema.time].to_numpy().astype("datetime64[D]"),
            rows[schema.entity].to_numpy(),
            np.concatenate([np.empty(0), *worse]),
        )
