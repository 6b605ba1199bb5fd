"""The customers: a fixed number of places, each held by one customer until they lapse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.orders import Baskets
from simulation.process import LAPSE_DAYS, WINDOW, Floats, Ints, Seen

FIRST_CUSTOMER = 12346
NEW_CUSTOMER_GAP = 30.0  # days; the usual gap of a customer who has bought once
MEMORY = 0.6  # weight of the past in a customer's usual gap, money and lines
ARRIVAL_RATE = 0.1  # of free places taken per open day
FIRST_ARRIVALS_DAYS = 300  # spreads the first customers, so that they do not lapse together


@dataclass
class Population:
    """State of all places; arrays of shape (places,), cumulated counts of (days + 1, places)."""

    customer: Ints  # 0: the place is free
    last: Ints
    gap: Floats
    log_money: Floats
    last_log_money: Floats
    log_lines: Floats
    country: Ints
    lines_factor: Floats
    log_quantity: Floats
    returnable: Ints  # (places, 2): product and quantity of the last order's first line
    returnable_price: Floats
    free_until: Ints
    purchases: NDArray[np.int32]
    returns: NDArray[np.int32]
    next_customer: int = FIRST_CUSTOMER

    @classmethod
    def empty(cls, places: int, days: int, rng: np.random.Generator) -> Population:
        """Nobody yet; every place may be taken from a random day on."""
        whole, real = np.zeros(places, np.int64), np.zeros(places)
        return cls(
            customer=whole.copy(),
            last=np.full(places, -LAPSE_DAYS),
            gap=np.full(places, NEW_CUSTOMER_GAP),
            log_money=real.copy(),
            last_log_money=real.copy(),
            log_lines=real.copy(),
            country=whole.copy(),
            lines_factor=np.ones(places),
            log_quantity=real.copy(),
            returnable=np.zeros((places, 2), np.int64),
            returnable_price=real.copy(),
            free_until=rng.integers(0, FIRST_ARRIVALS_DAYS, places),
            purchases=np.zeros((days + 1, places), np.int32),
            returns=np.zeros((days + 1, places), np.int32),
        )

    def seen(self, days: Ints) -> Seen:
        """What is known on the mornings of consecutive `days` if nobody buys from the first on."""
        bought, returned = self.purchases[days[0]], self.returns[days[0]]
        window_start = np.maximum(days - WINDOW, 0)
        return Seen(
            recency=np.maximum(days[:, None] - self.last, 1),
            bought=bought - self.purchases[window_start],
            returned=returned - self.returns[window_start],
            gap=self.gap,
            log_money=self.log_money,
            last_log_money=self.last_log_money,
            log_lines=self.log_lines,
            country=self.country,
        )

    def release_lapsed(self, day: int) -> None:
        """Free the places of customers without a purchase for LAPSE_DAYS."""
        self.customer[day - self.last > LAPSE_DAYS] = 0

    def admit(self, day: int, rng: np.random.Generator, country_share: Floats) -> Ints:
        """Give free places to new customers; returns the places taken."""
        taken = rng.random(len(self.customer)) < ARRIVAL_RATE
        places = np.flatnonzero((self.customer == 0) & (self.free_until <= day) & taken)
        count = len(places)
        self.customer[places] = self.next_customer + np.arange(count)
        self.next_customer += count
        self.country[places] = rng.choice(len(country_share), count, p=country_share)
        self.lines_factor[places] = rng.lognormal(-0.08, 0.4, count)
        self.log_quantity[places] = rng.normal(1.2, 0.6, count)
        return places

    def last_lines(self, places: Ints) -> Baskets:
        """The first line of each place's last order, as one order each."""
        product, quantity = self.returnable[places].T
        order = np.arange(len(places))
        return Baskets(len(places), order, product, quantity, self.returnable_price[places])

    def record(
        self, day: int, regulars: Ints, newcomers: Ints, returned: Ints, baskets: Baskets
    ) -> None:
        """Take the day's purchases into the state; orders are `regulars`, then `newcomers`."""
        money, lines = baskets.per_order()
        regular, new = slice(len(regulars)), slice(len(regulars), None)
        log_money, log_lines = np.log(money), np.log(lines)
        self.log_money[newcomers], self.log_lines[newcomers] = log_money[new], log_lines[new]
        self.gap[newcomers] = NEW_CUSTOMER_GAP
        _blend(self.log_money, regulars, log_money[regular])
        _blend(self.log_lines, regulars, log_lines[regular])
        _blend(self.gap, regulars, (day - self.last[regulars]).astype(float))
        buyers = np.concatenate([regulars, newcomers])
        self.last[buyers], self.last_log_money[buyers] = day, log_money
        self._keep_returnable(buyers, baskets)
        self.purchases[day + 1] = self.purchases[day]
        self.purchases[day + 1, buyers] += 1
        self.returns[day + 1] = self.returns[day]
        self.returns[day + 1, returned] += 1

    def _keep_returnable(self, buyers: Ints, baskets: Baskets) -> None:
        first_line = np.searchsorted(baskets.order, np.arange(len(buyers)))
        self.returnable[buyers, 0] = baskets.product[first_line]
        self.returnable[buyers, 1] = baskets.quantity[first_line]
        self.returnable_price[buyers] = baskets.price[first_line]


def _blend(usual: Floats, places: Ints, new: Floats) -> None:
    usual[places] = MEMORY * usual[places] + (1 - MEMORY) * new
