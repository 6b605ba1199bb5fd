"""When a new champion goes back: at once for faults, at two looks for losses."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.trial import Differences, Fault, Trial, rule

FIRST, ENTITIES = date(2024, 3, 1), 60
TRIAL = Trial(FIRST, 14, 14)


def day(number: int) -> date:
    """The trial's day of this number, from 1."""
    return FIRST + timedelta(number - 1)


def differences(mean: float, days: range = range(14), seed: int = 3) -> Differences:
    """Rows of every customer on each day, worse by `mean` nats, noise of 0.2."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.datetime64(FIRST) + np.array(days, int), ENTITIES)
    return Differences(of, np.tile(np.arange(ENTITIES), len(days)), rng.normal(mean, 0.2, len(of)))


def test_a_trial_of_two_weeks_is_looked_at_after_one_and_after_two() -> None:
    assert TRIAL.looks == (day(7), day(14))
    assert TRIAL.end == day(28)
    assert Trial(FIRST, 5, 1).looks == (day(3), day(5))


def test_a_worse_model_stays_until_the_first_look_has_matured() -> None:
    worse = differences(0.1)
    assert not rule(TRIAL, day(20), worse, []).go_back
    found = rule(TRIAL, day(21), worse, [])
    assert found.go_back
    assert found.why.startswith("the loss of 7 days up to 2024-03-07 is worse by 0.1")


def test_what_is_worse_in_the_second_week_only_goes_back_at_its_end() -> None:
    calm, bad = differences(0.0), differences(0.3, range(7, 14))
    first = calm.until(day(7))
    joined = Differences(
        np.r_[first.day, bad.day],
        np.r_[first.entity, bad.entity],
        np.r_[first.worse, bad.worse],
    )
    assert not rule(TRIAL, day(27), joined, []).go_back
    found = rule(TRIAL, day(28), joined, [])
    assert [look.is_worse for look in found.looks] == [False, True]
    assert found.go_back


@pytest.mark.parametrize("mean", [0.0, -0.1])
def test_a_model_that_is_no_worse_stays(mean: float) -> None:
    assert not rule(TRIAL, TRIAL.end, differences(mean), []).go_back


def test_too_few_days_judge_nothing() -> None:
    found = rule(TRIAL, day(21), differences(1.0, range(4)), [])
    assert not found.go_back
    assert (found.looks[0].days, found.looks[0].lower_bound) == (4, None)
    assert rule(TRIAL, day(21), differences(1.0, range(5)), []).go_back


def test_no_rows_at_all_judge_nothing() -> None:
    assert not rule(TRIAL, TRIAL.end, differences(1.0, range(0)), []).go_back


def test_a_fault_goes_back_at_once_and_the_first_is_named() -> None:
    slow, gone = Fault(day(3), "latency", "9 ms"), Fault(day(2), "schema fault", "spend is gone")
    faults = [slow, gone]
    found = rule(TRIAL, day(3), differences(-1.0), faults)
    assert (found.go_back, found.why) == (True, "schema fault on 2024-03-02: spend is gone")


def test_one_customer_who_explains_it_all_takes_nothing_back() -> None:
    """The bound over days alone would be sure: every day is worse, by the same customer."""
    calm = differences(0.0)
    worse = calm.worse + np.where(calm.entity == 0, 20.0, 0.0)
    assert not rule(TRIAL, TRIAL.end, Differences(calm.day, calm.entity, worse), []).go_back


def test_one_bad_day_takes_nothing_back() -> None:
    calm = differences(0.0)
    worse = calm.worse + np.where(calm.day == np.datetime64(day(5)), 2.0, 0.0)
    assert not rule(TRIAL, TRIAL.end, Differences(calm.day, calm.entity, worse), []).go_back


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), mean=st.floats(-0.1, 0.1), later=st.integers(0, 60))
def test_a_ruling_depends_on_the_evidence_alone(seed: int, mean: float, later: int) -> None:
    """The same rows, in any order and asked for on any later day, are ruled the same."""
    rows = differences(mean, seed=seed)
    order = np.random.default_rng(seed).permutation(len(rows.day))
    mixed = Differences(rows.day[order], rows.entity[order], rows.worse[order])
    ended = rule(TRIAL, TRIAL.end, rows, [])
    again = rule(TRIAL, TRIAL.end + timedelta(later), mixed, [])
    assert [look.is_worse for look in again.looks] == [look.is_worse for look in ended.looks]


def test_models_that_are_equal_go_back_in_few_trials() -> None:
    """Both bounds must agree, so that the 5 % of the two looks together are not exceeded."""
    back = sum(rule(TRIAL, TRIAL.end, differences(0.0, seed=s), []).go_back for s in range(30))
    assert back <= 3
