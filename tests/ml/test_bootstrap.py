"""Certainty about a mean when rows hang together."""

import numpy as np
import pytest

from ml.bootstrap import by_days, mean_quantile


def test_independent_rows_give_the_textbook_quantile() -> None:
    values = np.random.default_rng(1).normal(1.0, 2.0, 2000)
    found = mean_quantile(values, np.arange(2000), level=0.2, seed=0)
    assert found == pytest.approx(values.mean() - 0.8416 * values.std() / 2000**0.5, abs=0.005)


def test_repeating_every_entity_makes_nothing_surer() -> None:
    values = np.random.default_rng(2).normal(0.1, 1.0, 300)
    once = mean_quantile(values, np.arange(300), level=0.2, seed=0)
    often = mean_quantile(np.tile(values, 14), np.tile(np.arange(300), 14), level=0.2, seed=0)
    assert often == pytest.approx(once)


def test_a_run_of_good_days_is_less_sure_than_the_same_days_scattered() -> None:
    days = np.repeat(np.arange(28), 50)
    run = np.repeat(np.r_[np.ones(14), np.zeros(14)], 50)
    scattered = np.repeat(np.tile([1.0, 0.0], 14), 50)
    assert by_days(run, days, 0.1, 0) < by_days(scattered, days, 0.1, 0)


def test_the_same_seed_draws_the_same() -> None:
    values = np.random.default_rng(3).normal(size=100)
    draws = {mean_quantile(values, np.arange(100), level=0.2, seed=5) for _ in range(3)}
    assert len(draws) == 1
