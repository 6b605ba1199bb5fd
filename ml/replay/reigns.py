"""Who is live from when on in a replay, and what that has cost."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from ml.alarm import DayLoss as Losses
from ml.bootstrap import by_days
from ml.replay.outcome import DayLoss, Deployment
from ml.replay.version import Version
from ml.replay.world import World

COMPARED_DAYS = 28  # of a new model, beside the one before it
MATERIAL, SURE = 0.01, 0.05


@dataclass
class Reigns:
    """Versions that went live, and the losses of what was live, day by day."""

    world: World
    live: Version | None = None
    since: date = date.min  # decision day of what is live
    days: list[DayLoss] = field(default_factory=list)
    losses: dict[int, list[Losses]] = field(default_factory=dict)  # by version
    crowned: list[tuple[date, Version, Version | None]] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)

    def score(self, day: date) -> None:
        """Score a day by what is live on it."""
        if self.live is None or day not in self.world.spans:
            return
        found = self.live.day_loss(day)
        self.days.append(DayLoss(day, self.live.number, found.rows, found.mean))
        self.losses.setdefault(self.live.number, []).append(found)

    def crown(self, as_of: date, version: Version) -> None:
        """Let a version be live from the day after `as_of` on."""
        self.crowned.append((as_of, version, self.live))
        self.versions[version.number] = version
        self.live, self.since = version, as_of

    def go_back(self, as_of: date, version: Version) -> None:
        """Let an older version be live again from the day after `as_of` on."""
        self.live, self.since = version, as_of

    def matured(self, as_of: date) -> list[Losses]:
        """The losses of the live version that are known at the end of a day, oldest first."""
        last = self.world.matured(as_of)
        found = self.losses.get(self.live.number, []) if self.live else []
        excluded = self.world.excluded
        return [loss for loss in found if loss.day <= last and loss.day not in excluded]

    def deployments(self) -> list[Deployment]:
        """Every version that went live, beside the one before it on its first weeks."""
        return [
            compared(self.world, as_of, version, before) for as_of, version, before in self.crowned
        ]


def compared(world: World, as_of: date, version: Version, before: Version | None) -> Deployment:
    """Compare a new version with the one before it, on rows that neither has learned from."""
    days = [as_of + timedelta(n + 1) for n in range(COMPARED_DAYS)]
    days = [day for day in days if day in world.spans]
    if before is None or not days:
        return Deployment(as_of, version.number, None, False)
    mine = [version.row_losses(day) for day in days]
    theirs = [before.row_losses(day) for day in days]
    difference = np.concatenate(mine) - np.concatenate(theirs)
    of_day = np.repeat(np.array(days, "datetime64[D]"), [len(rows) for rows in mine])
    worse = float(difference.mean() / np.concatenate(theirs).mean())
    sure = by_days(difference, of_day, SURE, seed=0) > 0
    return Deployment(as_of, version.number, worse, bool(worse >= MATERIAL and sure))
