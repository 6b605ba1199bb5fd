"""No row judged that was learned from, no label used before it matured."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import SplitError
from ml.evidence import Keys
from ml.recipes import Recipe
from ml.schema import Schema
from ml.splits import Parts, Windows, alarm, is_new, normal, refit

T = date(2024, 6, 1)
WINDOW = Recipe("window", 365, 7)
windows = st.builds(
    Windows,
    horizon_days=st.integers(1, 40),
    test_days=st.integers(1, 40),
    recent_days=st.integers(1, 60),
)
recipes = st.builds(
    Recipe,
    name=st.just("any"),
    window_days=st.integers(1, 400),
    every_days=st.integers(1, 30),
    half_life_days=st.none() | st.integers(1, 60),
    since=st.none() | st.integers(-20, 120).map(lambda days: T - timedelta(days)),
)
starts = st.integers(40, 120).map(lambda days: T - timedelta(days)) | st.none()
make_customers = Callable[..., pa.Table]


@given(windows, recipes, starts)
def test_no_lane_reads_a_day_whose_label_has_not_matured(
    w: Windows, recipe: Recipe, start: date | None
) -> None:
    splits = (normal(T, w, recipe, start), alarm(T, w, recipe, start), refit(T, w, recipe))
    for split in splits:
        assert all(day + timedelta(w.horizon_days) <= T for day in split.days)


@given(windows, recipes, starts)
def test_normal_training_labels_were_known_when_the_test_began(
    w: Windows, recipe: Recipe, start: date | None
) -> None:
    split = normal(T, w, recipe, start)
    first_test = T - timedelta(w.horizon_days + w.test_days - 1)
    assert split.train_days[-1] + timedelta(w.horizon_days) == first_test
    assert all(day >= first_test for day in split.test_days)


@given(windows, recipes, starts)
def test_no_test_day_lies_before_the_day_asked_for(
    w: Windows, recipe: Recipe, start: date | None
) -> None:
    for split in (normal(T, w, recipe, start), alarm(T, w, recipe, start)):
        assert all(start is None or day >= start for day in split.test_days)


def test_a_change_without_a_matured_day_says_when_there_will_be_one() -> None:
    changed = T - timedelta(3)
    with pytest.raises(SplitError, match=r"no day since 2024-05-29 .* wait until 2024-06-12"):
        alarm(T, Windows(horizon_days=14), WINDOW, changed)
    assert normal(T, Windows(horizon_days=14), WINDOW, changed).test_days == ()


@given(windows, recipes, starts)
def test_days_ascend_and_none_comes_twice(w: Windows, recipe: Recipe, start: date | None) -> None:
    splits = (normal(T, w, recipe, start), alarm(T, w, recipe, start), refit(T, w, recipe))
    for split in splits:
        assert list(split.train_days) == sorted(set(split.train_days))
        assert list(split.test_days) == sorted(set(split.test_days))


def test_the_normal_lane_tests_the_last_matured_days() -> None:
    days = normal(T, Windows(horizon_days=14, test_days=14), WINDOW).test_days
    assert (days[0], days[-1], len(days)) == (date(2024, 5, 5), date(2024, 5, 18), 14)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 9))
def test_each_row_has_one_use_and_held_out_entities_never_train(
    salt: int, is_alarm: bool, every: int
) -> None:
    names = [f"{salt}-{i}" for i in range(40)]
    days = [T - timedelta(d) for d in range(100, -1, -1)]
    table = pa.table({"id": names * len(days), "day": np.repeat(np.array(days), len(names))})
    table = table.append_column("y", pa.array([0] * len(table)))
    w, recipe = Windows(horizon_days=7, test_days=10), Recipe("window", 60, every)
    schema = Schema("id", "day", "y", ("x",), ())
    split = (alarm if is_alarm else normal)(T, w, recipe)
    parts = split.parts(table, schema)
    rows = [set(zip(*p.drop("y").to_pydict().values(), strict=True)) for p in _tables(parts)]
    assert sum(map(len, rows)) == len(set.union(*rows)) == sum(p.num_rows for p in _tables(parts))
    train, holdout, test = ({entity for entity, _ in part} for part in rows)
    assert not train & holdout
    assert not is_alarm or not test & (train | holdout)

    learned = split.learned(parts, schema, w)
    assert not learned.has_seen(Keys.of(parts.test, schema)).any()
    assert learned.has_seen(Keys.of(parts.train, schema)).all()


def test_a_row_keeps_its_use_whatever_other_rows_are_there(
    customers: make_customers, schema: Schema
) -> None:
    table = customers(200, 60)
    split = alarm(date(2024, 2, 20), Windows(horizon_days=5, recent_days=14), WINDOW)
    whole = split.parts(table, schema).test
    half = table.filter(pa.array(np.arange(len(table)) % 2 == 0))
    kept = set(map(tuple, zip(*whole.to_pydict().values(), strict=True)))
    part = set(map(tuple, zip(*split.parts(half, schema).test.to_pydict().values(), strict=True)))
    assert part < kept
    assert 0.4 < whole.num_rows / (200 * 14) < 0.6


def test_only_days_of_the_new_world_stop_a_training_and_no_held_out_entity_is_learned_from(
    customers: make_customers, schema: Schema
) -> None:
    table, changed = customers(200, 90), date(2024, 3, 20)
    recipe = Recipe("change", 180, 1, 21, changed)
    split = alarm(date(2024, 4, 2), Windows(horizon_days=5), recipe, changed)
    parts = split.parts(table, schema)
    assert min(parts.holdout["as_of"].to_pylist()) == changed
    assert min(parts.train["as_of"].to_pylist()) < changed
    held, learned = (set(part["customer_id"].to_pylist()) for part in (parts.holdout, parts.train))
    assert held
    assert not held & learned
    counted = split.learns(table, schema.time, schema.entity).sum()
    assert parts.set_aside
    assert counted == parts.train.num_rows + parts.holdout.num_rows + parts.set_aside


def test_the_normal_lane_cannot_teach_a_world_of_which_it_trains_on_less_than_four_weeks() -> None:
    windows, since = Windows(horizon_days=7, test_days=14), date(2024, 6, 1)
    last_new = since + timedelta(27 + 7 + 13 + 7 - 1)
    assert is_new(since, last_new, windows)
    assert not is_new(since, last_new + timedelta(1), windows)
    days = normal(last_new + timedelta(1), windows, Recipe("every", 365, 1)).train_days
    assert sum(day >= since for day in days) == 28


def test_a_refit_takes_every_entity_and_the_newest_matured_day(
    customers: make_customers, schema: Schema
) -> None:
    table = customers(50, 100)
    as_of = date(2024, 4, 9)
    for since in (None, date(2024, 3, 29)):
        recipe = Recipe("any", 30, 7, 21, since)
        parts = refit(as_of, Windows(horizon_days=7), recipe).parts(table, schema)
        assert parts.holdout.num_rows == parts.test.num_rows == 0
        newest = parts.train.filter(pa.compute.equal(parts.train["as_of"], date(2024, 4, 2)))
        assert newest.num_rows == 50


def test_a_window_without_a_day_is_refused() -> None:
    with pytest.raises(SplitError, match="test_days is 0"):
        Windows(horizon_days=14, test_days=0)


def test_a_row_without_entity_is_refused(schema: Schema, customers: make_customers) -> None:
    table = customers(3, 1).set_column(0, "customer_id", pa.array(["a", None, "b"]))
    with pytest.raises(SplitError, match="1 rows have no entity"):
        normal(T, Windows(horizon_days=1), WINDOW).parts(table, schema)


def _tables(parts: Parts) -> list[pa.Table]:
    return [parts.train, parts.holdout, parts.test]
