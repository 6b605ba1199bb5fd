"""The purchase process: a daily logistic hazard of what a customer has shown so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain", "Netherlands")
LAPSE_DAYS = 120  # longer than the window below, so a slot's next customer starts with empty ones
WINDOW = 90  # days in which purchases and returns count
DUE_WIDTH = 0.4  # of ln(days since purchase / day on which the next one is due)
FREQUENT = 4.0  # purchase days in the window after which more of them change little
USUAL_LOG_MONEY = 4.5
HOLIDAYS = {(12, 25), (12, 26), (1, 1)}
SATURDAY = 5
MONTH_START_DAYS = 5
SETUP_STREAM, DAY_STREAM, DIRT_STREAM = 1, 2, 3  # random streams beside the seed


@dataclass(frozen=True)
class Coefficients:
    """Effects on the log-odds of buying today; docs/simulation.md gives the formula."""

    intercept: float
    weekday: tuple[float, ...]  # Monday first; Saturday's is never used
    month_start: float
    due: float
    overdue: float
    stock: float
    frequency: tuple[float, ...]  # in the order of COUNTRIES
    money: float
    lines: float
    returned: float
    country: tuple[float, ...]  # in the order of COUNTRIES


BEFORE = Coefficients(
    intercept=-4.35,
    weekday=(0.0, 0.1, 0.1, 0.15, -0.05, 0.0, -0.2),
    month_start=0.2,
    due=1.6,
    overdue=0.8,
    stock=0.4,
    frequency=(1.0, -0.4, 0.4, 1.4, 0.0, -0.4),
    money=0.5,
    lines=0.2,
    returned=-0.3,
    country=(0.0, 0.6, 0.2, -0.3, -0.4, 0.6),
)
AFTER = replace(BEFORE, intercept=-4.05, due=-0.6, overdue=0.2, money=-1.3)


@dataclass(frozen=True)
class Calendar:
    """What the calendar says of each simulated day; arrays of shape (days,)."""

    open: NDArray[np.bool_]
    weekday: Ints
    month_start: NDArray[np.bool_]

    def at(self, days: Ints) -> Calendar:
        """The calendar of `days` as columns of shape (days, 1), to broadcast over customers."""
        column = days[:, None]
        return Calendar(self.open[column], self.weekday[column], self.month_start[column])


def calendar(first: date, days: int) -> Calendar:
    """Closed on Saturdays and on three holidays; a month starts on its first five days."""
    dates = [first + timedelta(days=offset) for offset in range(days)]
    closed = [d.weekday() == SATURDAY or (d.month, d.day) in HOLIDAYS for d in dates]
    return Calendar(
        open=~np.array(closed),
        weekday=np.array([d.weekday() for d in dates]),
        month_start=np.array([d.day <= MONTH_START_DAYS for d in dates]),
    )


@dataclass(frozen=True)
class Seen:
    """What the dumps show of each customer on a morning; arrays broadcast to (days, customers)."""

    recency: Ints
    bought: Ints
    returned: Ints
    gap: Floats
    log_money: Floats
    last_log_money: Floats
    log_lines: Floats
    country: Ints


def hazard(seen: Seen, on: Calendar, effect: Coefficients) -> Floats:
    """Probability of buying on each day, given no purchase since `seen` was taken.

    Returns shape (days, customers); 0 on closed days and for lapsed customers.
    """
    stocked = np.exp(effect.stock * (seen.last_log_money - seen.log_money))
    late = np.log(seen.recency / (seen.gap * stocked))
    log_odds = (
        effect.intercept
        + np.array(effect.weekday)[on.weekday]
        + effect.month_start * on.month_start
        + effect.due * np.exp(-(late**2) / (2 * DUE_WIDTH**2))
        - effect.overdue * np.maximum(late, 0)
        + np.array(effect.frequency)[seen.country] * (1 - np.exp(-seen.bought / FREQUENT))
        + effect.money * np.tanh(seen.log_money - USUAL_LOG_MONEY)
        + effect.lines * seen.log_lines
        + effect.returned * seen.returned
        + np.array(effect.country)[seen.country]
    )
    possible = on.open & (seen.recency <= LAPSE_DAYS)
    return np.where(possible, 1 / (1 + np.exp(-log_odds)), 0.0)


def within(hazards: Floats) -> Floats:
    """P(a purchase on any of the days): 1 - prod(1 - h); (days, customers) -> (customers,)."""
    return 1 - np.prod(1 - hazards, axis=0)
