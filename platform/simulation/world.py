"""The simulated days, one after another: who buys what, and how likely it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from simulation.orders import Baskets, Catalogue, draw_baskets, draw_catalogue
from simulation.population import Population
from simulation.process import (
    AFTER,
    BEFORE,
    DAY_STREAM,
    SETUP_STREAM,
    Floats,
    Ints,
    calendar,
    hazard,
    within,
)
from simulation.shop import Drift, Shop

WARM_UP = 730  # days before `start`, so that the first day is in the steady state
ANONYMOUS_RATE = 0.3  # anonymous orders for each order of a known customer
RETURN_RATE = 0.12  # of a regular customer's orders bring a line of the order before back
USUAL_COUNTRIES = np.array([0.84, 0.05, 0.04, 0.03, 0.02, 0.02])
SHIFTED_COUNTRIES = np.array([0.5, 0.2, 0.1, 0.08, 0.06, 0.06])
SHIFTED_PRICES, SHIFTED_LINES = 1.2, 1.2


@dataclass(frozen=True)
class People:
    """Customers' numbers and their countries (places in COUNTRIES), both of shape (people,)."""

    number: Ints
    country: Ints


@dataclass(frozen=True)
class Sales:
    """What a day's dump holds: orders of known customers, anonymous ones, and returned lines."""

    buyers: People
    baskets: Baskets
    anonymous: Baskets
    returners: People
    returns: Baskets


@dataclass(frozen=True)
class Day:
    """One day; arrays of shape (places,), customer 0 where the place is free.

    `chance` is the probability of buying on this day (NaN on a customer's first), `ahead` and
    `ahead_before` those of buying within the horizon after it, with and without a concept drift.
    """

    date: date
    sales: Sales
    customer: Ints
    bought: NDArray[np.bool_]
    recency: Ints
    chance: Floats
    ahead: Floats
    ahead_before: Floats


class World:
    """A shop's process; `simulate_days` yields its days and those of one horizon after them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.total = WARM_UP + shop.days + shop.horizon
        self.drift_day = WARM_UP + shop.drift_day
        self.first = shop.start - timedelta(days=WARM_UP)
        self.calendar = calendar(self.first, self.total + shop.horizon)
        rng = np.random.default_rng([shop.seed, SETUP_STREAM])
        self.catalogue: Catalogue = draw_catalogue(rng)
        self.population = Population.empty(shop.customers, self.total, rng)

    def simulate_days(self) -> Iterator[Day]:
        """Days in order, each with its own random stream: a drift leaves those before it alone."""
        horizon = np.arange(self.shop.horizon)
        now = np.zeros((1, self.shop.customers))
        for day in range(self.total):
            chance = now[0].copy()
            sales, bought = self._live(day, chance)
            if day < WARM_UP:
                now, _ = self._hazards(np.array([day + 1]))
                continue
            now, before = self._hazards(day + 1 + horizon)
            yield Day(
                date=self.first + timedelta(days=day),
                sales=sales,
                customer=self.population.customer.copy(),
                bought=bought,
                recency=day - self.population.last,
                chance=chance,
                ahead=within(now),
                ahead_before=within(before),
            )

    def _live(self, day: int, chance: Floats) -> tuple[Sales, NDArray[np.bool_]]:
        """Sell a day's orders; returns who bought, and puts NaN into `chance` for new customers."""
        rng = np.random.default_rng([self.shop.seed, DAY_STREAM, day])
        people = self.population
        people.release_lapsed(day)
        draws = rng.random((2, self.shop.customers))
        regulars = np.flatnonzero(draws[0] < chance)
        returned = regulars[draws[1][regulars] < RETURN_RATE]
        returners, returns = self._people(returned), people.last_lines(returned)
        newcomers = self._admit(day, rng)
        chance[newcomers] = np.nan
        buyers = np.concatenate([regulars, newcomers])
        baskets = self._baskets(day, rng, people.lines_factor[buyers], people.log_quantity[buyers])
        people.record(day, regulars, newcomers, returned, baskets)
        anonymous = rng.poisson(ANONYMOUS_RATE * len(buyers))
        strangers = self._baskets(day, rng, np.ones(anonymous), np.ones(anonymous))
        sales = Sales(self._people(buyers), baskets, strangers, returners, returns)
        return sales, np.isin(np.arange(self.shop.customers), buyers)

    def _people(self, places: Ints) -> People:
        return People(self.population.customer[places], self.population.country[places])

    def _shifted(self, day: int) -> bool:
        return self.shop.drift is Drift.covariate and day >= self.drift_day

    def _admit(self, day: int, rng: np.random.Generator) -> Ints:
        if not self.calendar.open[day]:
            return np.array([], np.int64)
        shares = SHIFTED_COUNTRIES if self._shifted(day) else USUAL_COUNTRIES
        return self.population.admit(day, rng, shares)

    def _baskets(
        self, day: int, rng: np.random.Generator, lines_factor: Floats, log_quantity: Floats
    ) -> Baskets:
        more_lines, dearer = (SHIFTED_LINES, SHIFTED_PRICES) if self._shifted(day) else (1.0, 1.0)
        lines = self.shop.lines_per_order * more_lines * lines_factor
        return draw_baskets(rng, self.catalogue, lines, log_quantity, dearer)

    def _hazards(self, days: Ints) -> tuple[Floats, Floats]:
        """Hazards of coming days if nobody buys: as they are, and as without a concept drift."""
        seen, on = self.population.seen(days), self.calendar.at(days)
        before = hazard(seen, on, BEFORE)
        if self.shop.drift is not Drift.concept or days[-1] < self.drift_day:
            return before, before
        after = hazard(seen, on, AFTER)
        return np.where(days[:, None] >= self.drift_day, after, before), before
