"""How a model is trained, judged and trained again: parts of an exposure's `config.meta.model`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from declared_base import Declared, Positive
from ml.recipes import CHANGE, NAMES, Name


class Train(Declared):
    """How candidates are trained; days are as_of days, `window_days` is the most of any recipe.

    estimator: built in, or one's own as `package.module:factory` (`ml.estimators`).
    earlier_estimators: one's own that versions were made by which may still be live.
    workers: processes that train one model together (`ml.distributed`).
    """

    window_days: Positive = 180
    every_days: Positive = 7
    min_rows: Positive = 5000
    recipes: tuple[Name, ...] = NAMES
    estimator: str = "tabular"
    earlier_estimators: tuple[str, ...] = ()
    seed: int = 7
    workers: Positive = 1

    @property
    def declared(self) -> tuple[str, ...]:
        """Every estimator that a version of the model may be loaded by."""
        return (self.estimator, *self.earlier_estimators)

    @field_validator("recipes")
    @classmethod
    def some_once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Without a recipe nothing could be trained; one named twice would cost two trainings."""
        if set(value) <= {CHANGE} or len(set(value)) < len(value):
            raise ValueError(
                f"name each of {', '.join(NAMES)} once at most, and not `{CHANGE}` alone: without "
                "an alarm there is no change point to train from"
            )
        return value


class Gate(Declared):
    """What a candidate is judged by before it goes live; metric: by default that of the task."""

    metric: Literal["log_loss", "squared_error"] | None = None
    test_days: Positive = 14
    min_rows: Positive = 500
    slices: tuple[str, ...] = ()


class Retrain(Declared):
    """When a model is trained again; days are as_of days, and what waits is deferred, not dropped.

    Challengers come every `challenge_days` after a training; each rejection doubles that, up to
    `challenge_days_max`. `budget` is the most trainings in 28 days, whatever asks for them.
    """

    cooldown_days: Positive = 7
    challenge_days: Positive = 7
    challenge_days_max: Positive = 56
    budget: int = Field(default=8, ge=1, le=28)
    rest_days: Positive = 14
    max_attempts: Positive = 3

    @field_validator("challenge_days_max")
    @classmethod
    def not_below_the_first(cls, value: int, info: ValidationInfo) -> int:
        """A cadence that starts above its limit would be two rules."""
        first = info.data.get("challenge_days", value)
        if value < first:
            raise ValueError(f"use at least challenge_days, {first}")
        return value


class Trial(Declared):
    """How a new champion is watched: the one before it scores the same rows for `days` days.

    max_row_ms: milliseconds of prediction per row above which it goes back; no limit by default.
    """

    days: Annotated[int, Field(ge=2)] = 14
    max_row_ms: Annotated[float, Field(gt=0)] | None = None
