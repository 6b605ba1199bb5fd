"""The loss alarm, exact where the sums are."""

import math
from datetime import date, timedelta

import numpy as np
import pytest

from ml.alarm import AlarmState, DayLoss, LossAlarmPolicy, cusum, performance

START = date(2011, 1, 1)
POLICY = LossAlarmPolicy()


def days(means: list[float], rows: int = 1000, sd: float = 0.3) -> list[DayLoss]:
    return [DayLoss(START + timedelta(i), rows, mean, sd) for i, mean in enumerate(means)]


def noisy(count: int, level: float, seed: int) -> list[float]:
    return list(np.random.default_rng(seed).normal(level, 0.01, count))


def test_the_sum_adds_what_exceeds_the_slack_and_never_falls_below_zero() -> None:
    assert cusum([1.0, -2.0, 2.0, 2.0, 0.5], k=0.5, h=5) == [0.5, 0.0, 1.5, 3.0, 3.0]


def test_the_sum_stops_at_twice_the_threshold_so_that_an_alarm_can_end() -> None:
    assert cusum([100.0, 100.0, -5.0], k=0.5, h=5) == [10.0, 10.0, 4.5]
    assert cusum([], k=0.5, h=5) == []


def test_an_alarm_is_not_calibrated_before_its_first_days_have_matured() -> None:
    state = performance(days([0.4] * 14), POLICY)
    assert (state.raised, state.calibrated, state.severity) == (False, False, None)
    assert state.reason == "not calibrated: 14 of 15 days have matured"
    assert not performance([], POLICY).calibrated


def test_a_fifth_more_loss_is_found_within_two_days_and_dated() -> None:
    assert not performance(days([0.4] * 40), POLICY).raised
    state = performance(days([0.4] * 40 + [0.48] * 2), POLICY)
    assert (state.severity, state.since) == ("ERROR", START + timedelta(40))


def judged(count: int, level: float = 0.4) -> list[DayLoss]:
    before = START - timedelta(count + 20)
    return [DayLoss(before + timedelta(i), 1000, level, 0.3) for i in range(count)]


def test_a_rule_that_turns_before_the_first_live_day_is_found_by_the_days_that_judged() -> None:
    turned = days([0.48] * 2)
    assert not performance(turned, POLICY).raised
    state = performance(turned, POLICY, judged(14))
    assert (state.severity, state.since) == ("ERROR", START)
    assert state.reason == "mean loss 0.4800 since 2011-01-01, 0.4000 on 14 days of reference"


def test_a_week_of_judged_days_is_a_reference_and_fewer_are_completed_by_live_ones() -> None:
    assert performance(days([0.4]), POLICY, judged(7)).calibrated
    few = performance(days([0.4] * 8), POLICY, judged(6))
    assert few.reason == "not calibrated: 8 of 9 days have matured"
    assert performance(days([0.4] * 8 + [0.48] * 2), POLICY, judged(6)).raised


def test_a_judged_day_after_a_live_one_is_refused() -> None:
    with pytest.raises(ValueError, match="2011-01-01 comes after 2011-01-07"):
        performance(days([0.4]), POLICY, days([0.4] * 7))


def test_less_loss_never_alarms() -> None:
    state = performance(days(noisy(14, 0.4, 1) + noisy(60, 0.2, 2)), POLICY)
    assert (state.statistic, state.raised, state.since) == (0.0, False, None)


def test_a_small_day_counts_for_less_than_a_large_one() -> None:
    usual = days(noisy(14, 0.4, seed=3))
    worse = START + timedelta(14)
    large = performance([*usual, DayLoss(worse, 1000, 0.6, 0.3)], POLICY)
    small = performance([*usual, DayLoss(worse, 5, 0.6, 0.3)], POLICY)
    assert large.statistic > 5 > small.statistic


def test_the_alarm_ends_after_the_loss_is_back() -> None:
    flat = [0.4] * 20 + [0.8] * 30 + [0.4] * 11
    assert performance(days(flat[:50], sd=0.0), POLICY).raised
    assert performance(days(flat[:60], sd=0.0), POLICY).statistic == pytest.approx(5.0)
    assert not performance(days(flat, sd=0.0), POLICY).raised


def test_days_without_rows_are_passed_over() -> None:
    means = noisy(20, 0.4, seed=4)
    known = days(means)
    empty = DayLoss(START + timedelta(20), 0, math.nan, 0.0)
    assert performance([*known, empty], POLICY) == performance(known, POLICY)


def test_a_loss_that_is_not_a_number_alarms_at_once() -> None:
    state = performance(days([0.4, math.nan]), POLICY)
    assert state.severity == "ERROR"
    assert state.reason == "the loss of 2011-01-02 is nan"


def test_a_perfect_model_that_starts_to_err_alarms() -> None:
    assert performance(days([0.0] * 14 + [0.1], sd=0.0), POLICY).raised


def test_days_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="2011-01-01 comes after 2011-01-02"):
        performance(days([0.4, 0.4])[::-1], POLICY)


def test_an_alarm_without_calibration_is_advice() -> None:
    state = AlarmState(9.0, 5.0, True, None, False, "few days")
    assert state.severity == "WARN"
