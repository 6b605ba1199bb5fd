"""What a candidate learns from: which matured days, and what a row of each weighs.

No window is right for every change, and which one is right shows only on later rows. So several are
trained from scratch and the gate compares them (docs/decisions.md):

- `window`: every day of `train.window_days`, all alike; for a world that stands still.
- `fading`: the last 180 days, a row weighs half as much every 21 days; for a world that moves.
- `recent`: the last 45 days, all alike; for one that has moved a while ago.
- `change`: the days since the change point of an alarm, fading, with older days as ballast: they
  weigh together at most a tenth of the evidence, so that a few matured days of a new concept
  outvote months of the old one while rare categories keep a meaning.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from ml.errors import SplitError

if TYPE_CHECKING:  # a declaration names recipes and computes nothing
    from ml.schema import Floats

Name = Literal["window", "fading", "recent", "change"]
NAMES: tuple[Name, ...] = get_args(Name)
WINDOW, FADING, RECENT, CHANGE = NAMES
FADING_DAYS, RECENT_DAYS, HALF_LIFE_DAYS = 180, 45, 21
DAILY = 28  # newest days since a change that are taken every day: there are few of them
# Old rows' largest share of the evidence's weight. After a rule has turned, 28 days on, 0.25 costs
# 0.011 nats against 0.1, and 0 gains 0.003 (bench/drift/policies.py: flip, three seeds).
BALLAST = 0.1
STOPPING = 0.25  # of a fresh row's weight, below which a row is too old to stop a training
HALF_LIVES = 5  # older rows would weigh less than 3 % of a fresh one
FADED = 2  # half-lives, from which on fading makes another model


@dataclass(frozen=True)
class Recipe:
    """A candidate's training days, all lengths in days of as_of; `every_days` is their stride.

    Where `since` is given, older days are ballast.
    """

    name: str
    window_days: int
    every_days: int
    half_life_days: int | None = None
    since: date | None = None

    def __post_init__(self) -> None:
        for name in ("window_days", "every_days"):
            if getattr(self, name) < 1:
                raise SplitError(f"{name} is {getattr(self, name)}: use at least 1 day")

    def days(self, last: date) -> tuple[date, ...]:
        """Training days up to the matured day `last`, ascending."""
        if self.since is None:
            return strided(last, self.window_days, self.every_days)
        daily_from = max(
            min(self.since, last + timedelta(1)), last - timedelta(min(DAILY, self.window_days) - 1)
        )
        daily = (last - daily_from).days + 1
        reach = min(self.window_days, HALF_LIVES * (self.half_life_days or self.window_days))
        older = strided(daily_from - timedelta(1), reach - daily, self.every_days)
        return older + strided(last, daily, 1)

    def weights(self, days: Any, last: date) -> "Floats | None":
        """Weights of training rows of `days`, datetime64 of shape [rows]; None where all alike."""
        import numpy as np

        if self.half_life_days is None:
            return None
        age = (np.datetime64(last) - days).astype(np.float64)
        weights = 0.5 ** (age / self.half_life_days)
        if self.since is not None:
            old = days < np.datetime64(self.since)
            evidence, ballast = weights[~old].sum(), weights[old].sum()
            if ballast > 0:
                weights[old] *= min(1.0, BALLAST * evidence / ballast)
        return weights

    def is_like_tomorrow(self, days: Any, last: date) -> Any:
        """Mask of shape [rows]: which of `days` may stop and calibrate a training.

        Old rows would stop it before it has learned what is new: ballast, and what has faded.
        """
        import numpy as np

        recent = np.ones(len(days), bool)
        if self.half_life_days is not None:
            age = (np.datetime64(last) - days).astype(np.float64)
            recent = 0.5 ** (age / self.half_life_days) >= STOPPING
        return recent if self.since is None else recent & (days >= np.datetime64(self.since))


def recipes(
    names: Collection[str], window_days: int, every_days: int, since: date | None
) -> tuple[Recipe, ...]:
    """The recipes of these names; `change` only where there is a change point.

    `window_days` is the most that any of them reaches back.
    """
    fading = min(FADING_DAYS, window_days)
    known = [
        Recipe(WINDOW, window_days, every_days),
        Recipe(FADING, fading, every_days, HALF_LIFE_DAYS),
        Recipe(RECENT, min(RECENT_DAYS, window_days), every_days),
    ]
    if since is not None:
        known.append(Recipe(CHANGE, fading, every_days, HALF_LIFE_DAYS, since))
    return tuple(recipe for recipe in known if recipe.name in names)


def distinct(
    offered: Sequence[Recipe], last: date, available: Collection[date]
) -> tuple[Recipe, ...]:
    """The recipes that teach different things, of equal ones the first.

    `available` are the days that have rows. While there is little history all windows are the same,
    and nothing has faded yet; a change point after `last` has no day to teach.
    """
    taught: dict[Any, Recipe] = {}
    for recipe in offered:
        days = tuple(day for day in recipe.days(last) if day in available)
        if recipe.since is None or any(day >= recipe.since for day in days):
            taught.setdefault((days, _fades(recipe, days), recipe.since), recipe)
    return tuple(taught.values())


def strided(last: date, window_days: int, every_days: int) -> tuple[date, ...]:
    """Every n-th day, anchored at the newest so that all recipes use the freshest rows."""
    return tuple(sorted(last - timedelta(i) for i in range(0, window_days, every_days)))


def _fades(recipe: Recipe, days: Sequence[date]) -> bool:
    if recipe.half_life_days is None or not days:
        return False
    return (days[-1] - days[0]).days > FADED * recipe.half_life_days
