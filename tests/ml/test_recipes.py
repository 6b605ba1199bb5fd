"""Which days a recipe teaches, and what a row of each weighs."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import SplitError
from ml.recipes import BALLAST, NAMES, Recipe, distinct, recipes

LAST, CHANGED = date(2024, 6, 1), date(2024, 5, 22)


def every_day(count: int) -> set[date]:
    return {LAST - timedelta(n) for n in range(count)}


def names(offered: tuple[Recipe, ...]) -> list[str]:
    return [recipe.name for recipe in offered]


def test_all_four_are_offered_where_there_is_a_change_point() -> None:
    assert names(recipes(NAMES, 365, 7, CHANGED)) == list(NAMES)
    assert names(recipes(NAMES, 365, 7, None)) == ["window", "fading", "recent"]
    assert names(recipes(["recent", "window"], 365, 7, CHANGED)) == ["window", "recent"]


def test_each_reaches_back_as_far_as_it_says_and_none_beyond_the_declared_window() -> None:
    reach = {r.name: (LAST - r.days(LAST)[0]).days for r in recipes(NAMES, 365, 1, CHANGED)}
    assert reach == {"window": 364, "fading": 179, "recent": 44, "change": 104}
    for recipe in recipes(NAMES, 30, 1, CHANGED):
        assert recipe.days(LAST)[0] == LAST - timedelta(29)


def test_the_stride_is_anchored_at_the_newest_day() -> None:
    days = Recipe("window", 30, 7).days(LAST)
    assert [(LAST - day).days for day in days] == [28, 21, 14, 7, 0]


def test_since_a_change_every_day_teaches_and_older_ones_by_stride() -> None:
    days = Recipe("change", 365, 7, 21, CHANGED).days(LAST)
    assert [day for day in days if day >= CHANGED] == sorted(every_day(11))
    older = [(CHANGED - day).days for day in reversed(days) if day < CHANGED]
    assert older == list(range(1, 95, 7))


@given(st.integers(-30, 300), st.integers(1, 400), st.integers(1, 30))
def test_no_recipe_ever_takes_a_day_after_the_last_matured_one(
    change_age: int, window: int, every: int
) -> None:
    for recipe in recipes(NAMES, window, every, LAST - timedelta(change_age)):
        days = recipe.days(LAST)
        assert days[-1] == LAST
        assert list(days) == sorted(set(days))


def test_fading_weights_halve_with_age_and_plain_ones_are_none() -> None:
    ages = np.datetime64(LAST) - np.array([0, 21, 42])
    weights = Recipe("fading", 180, 7, 21).weights(ages, LAST)
    assert weights == pytest.approx([1, 0.5, 0.25])
    assert Recipe("window", 365, 7).weights(ages, LAST) is None


def test_days_before_the_change_stay_ballast() -> None:
    recipe = Recipe("change", 365, 1, 7, CHANGED)
    days = np.repeat(np.array(recipe.days(LAST), "datetime64[D]"), 100)
    weights = recipe.weights(days, LAST)
    assert weights is not None
    assert weights[-1] == 1.0
    old = days < np.datetime64(CHANGED)
    assert weights[old].sum() == pytest.approx(BALLAST * weights[~old].sum())


def test_what_has_faded_and_ballast_stop_no_training() -> None:
    days = np.array([LAST - timedelta(n) for n in (50, 43, 42, 3, 2, 0)], "datetime64[D]")
    fading, change = Recipe("f", 180, 1, 21), Recipe("c", 180, 1, 21, LAST - timedelta(2))
    assert Recipe("w", 180, 1).is_like_tomorrow(days, LAST).all()
    assert fading.is_like_tomorrow(days, LAST).tolist() == [False, False, True, True, True, True]
    assert change.is_like_tomorrow(days, LAST).tolist() == [False] * 4 + [True, True]


def test_while_there_is_little_history_one_model_is_trained() -> None:
    offered = recipes(NAMES, 365, 1, None)
    assert names(distinct(offered, LAST, every_day(40))) == ["window"]
    assert names(distinct(offered, LAST, every_day(44))) == ["window", "fading"]
    assert names(distinct(offered, LAST, every_day(100))) == ["window", "fading", "recent"]


def test_a_change_that_no_matured_day_has_seen_teaches_nothing() -> None:
    tomorrow = recipes(NAMES, 365, 7, LAST + timedelta(1))
    assert "change" not in names(distinct(tomorrow, LAST, every_day(200)))
    known = recipes(NAMES, 365, 7, CHANGED)
    assert names(distinct(known, LAST, every_day(200))) == list(NAMES)
    assert "change" not in names(distinct(known, LAST, every_day(200) - every_day(11)))


@pytest.mark.parametrize(("window", "every"), [(0, 7), (30, 0)])
def test_a_recipe_without_a_day_is_refused(window: int, every: int) -> None:
    with pytest.raises(SplitError, match="use at least 1 day"):
        Recipe("window", window, every)
