from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from simulation.process import AFTER, BEFORE, COUNTRIES, LAPSE_DAYS, Seen, calendar, hazard, within

MONDAY = calendar(date(2024, 1, 8), 1).at(np.array([0]))
CLOSED = calendar(date(2024, 1, 6), 1).at(np.array([0]))
CYCLE = 30.0


def seen(recency, country="United Kingdom", **changes):
    """Customers who differ in the days since their last purchase, or in what `changes` says."""
    usual = Seen(
        recency=np.atleast_1d(recency),
        bought=np.array([3]),
        returned=np.array([0]),
        gap=np.array([CYCLE]),
        log_money=np.array([4.5]),
        last_log_money=np.array([4.5]),
        log_lines=np.array([1.8]),
        country=np.array([COUNTRIES.index(country)]),
    )
    return replace(usual, **{name: np.atleast_1d(value) for name, value in changes.items()})


def chance(customers, effect=BEFORE):
    return hazard(customers, MONDAY, effect)[0]


def log_odds(probability):
    return np.log(probability / (1 - probability))


def test_a_purchase_is_most_likely_near_the_own_cycle_and_rare_before_and_long_after():
    by_day = chance(seen(np.arange(1, LAPSE_DAYS + 1)))
    most_likely = 1 + by_day.argmax()
    assert 0.75 * CYCLE < most_likely <= CYCLE
    assert by_day.max() > 3 * by_day[4]
    assert by_day.max() > 3 * by_day[-1]


def test_another_cycle_moves_the_most_likely_day_in_proportion():
    days = np.arange(1, LAPSE_DAYS + 1)
    short, long = (1 + chance(seen(days, gap=gap)).argmax() for gap in (20.0, 60.0))
    assert long == pytest.approx(3 * short, abs=2)


def test_whoever_stocked_up_comes_back_later():
    days = np.arange(1, LAPSE_DAYS + 1)
    usual, stocked = (chance(seen(days, last_log_money=m)).argmax() for m in (4.5, 5.5))
    assert stocked > 1.3 * usual


def test_each_further_purchase_counts_for_less():
    odds = log_odds(chance(seen(30, bought=np.array([1, 4, 7, 20, 23]))))
    assert odds[1] - odds[0] > odds[2] - odds[1] > 10 * (odds[4] - odds[3]) > 0


def test_frequency_counts_for_a_customer_at_home_and_against_one_in_the_netherlands():
    bought = np.array([1, 10])
    home, abroad = (chance(seen(30, c, bought=bought)) for c in ("United Kingdom", "Netherlands"))
    assert home[1] > home[0]
    assert abroad[1] < abroad[0]


def test_money_stops_counting_beyond_some_order_size():
    size = np.array([3.0, 4.0, 5.0, 8.0, 9.0])
    odds = log_odds(chance(seen(30, log_money=size, last_log_money=size)))
    assert odds[1] > odds[0]
    assert odds[2] - odds[1] > 100 * (odds[4] - odds[3]) > 0


def test_after_a_concept_drift_nobody_waits_for_their_cycle_and_money_counts_against_a_purchase():
    assert chance(seen(30), AFTER) < chance(seen(10), AFTER)
    size = np.array([3.5, 5.5])
    small, large = chance(seen(30, log_money=size, last_log_money=size), AFTER)
    assert large < small


def test_nobody_buys_on_closed_days_or_after_lapsing():
    assert hazard(seen(30), CLOSED, BEFORE) == 0
    assert chance(seen(LAPSE_DAYS + 1)) == 0


def test_the_chance_within_some_days_is_that_of_any_of_them():
    assert within(np.array([[0.5, 0.0], [0.5, 0.2]])) == pytest.approx([0.75, 0.2])
