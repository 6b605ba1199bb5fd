"""The settings of a simulated shop: its size, its span and the drift it meets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from errors import SetupError

DEFAULT_START = date(2024, 1, 1)  # a Monday
BUG_FILES = 3
DRIFT_SHARE = 0.6  # of the days pass before the drift, unless told otherwise


class Drift(StrEnum):
    """What changes from day `Shop.at` on; docs/simulation.md says how."""

    none = "none"
    covariate = "covariate"
    concept = "concept"
    data_bug = "data-bug"


@dataclass(frozen=True)
class Shop:
    """One simulated shop.

    `days` calendar days are written, from `start` on. `customers` is the number of places, each
    held by one customer until 120 days pass without a purchase; about 85 % bought in the last 90
    days. `at` counts days from `start`; None means 60 % of `days`. `lines_per_order` is that of a
    new customer (in the mean); the regulars order about a third more. `horizon` is in days.
    Raises SetupError for a value outside its range.
    """

    days: int
    customers: int
    seed: int
    start: date = DEFAULT_START
    drift: Drift = Drift.none
    at: int | None = None
    lines_per_order: float = 6.0
    horizon: int = 14

    def __post_init__(self) -> None:
        for name, least in (("days", 2), ("customers", 1), ("seed", 0), ("horizon", 1)):
            self._require(name, getattr(self, name) >= least, f"at least {least}")
        self._require("lines_per_order", self.lines_per_order >= 1, "at least 1")
        self._require("at", 0 <= self.drift_day < self.days, f"a day from 0 to {self.days - 1}")

    @property
    def drift_day(self) -> int:
        """The first day of the drift, counted from `start`."""
        return int(DRIFT_SHARE * self.days) if self.at is None else self.at

    def date_of(self, day: int) -> date:
        """The date of a day counted from `start`."""
        return self.start + timedelta(days=day)

    def _require(self, name: str, met: bool, rule: str) -> None:
        if not met:
            value = getattr(self, name)
            raise SetupError(f"Simulated shop: `{name}` is {value}: choose {rule}.")
