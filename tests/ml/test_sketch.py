"""Sketches of columns: what is kept, at the edges too."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from ml.merging import merge, merge_tables, without_each
from ml.sketch import (
    OTHER,
    ColumnSketch,
    one_value_a_day,
    sketch,
    sketch_table,
)


def test_a_large_column_keeps_equal_mass_quantiles() -> None:
    kept = sketch(pa.array(np.arange(100_000.0)))
    assert (kept.n, kept.nulls, len(kept.points)) == (100_000, 0, 2048)
    assert np.mean(kept.points) == pytest.approx(49_999.5, abs=1)
    assert (kept.low, kept.high) == (0.0, 99_999.0)


def test_the_order_of_rows_does_not_matter() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    assert sketch(pa.array(values)) == sketch(pa.chunked_array([values[5000:], values[:5000]]))


def test_missing_and_infinite_values_are_counted_beside_the_points() -> None:
    kept = sketch(pa.array([1.0, None, float("nan"), float("inf"), -float("inf"), 3.0]))
    assert (kept.n, kept.nulls, kept.infinite, kept.valid) == (6, 2, 2, 2)
    assert kept.points == (1.0, 3.0)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([], pa.float64()), "number"),
        (pa.array([None, None], pa.int32()), "number"),
        (pa.nulls(3), "category"),
        (pa.array([], pa.string()), "category"),
    ],
)
def test_a_column_without_values_has_no_points_and_no_levels(column: pa.Array, kind: str) -> None:
    kept = sketch(column)
    assert (kept.kind, kept.n, kept.nulls, kept.valid) == (kind, len(column), len(column), 0)
    assert kept.points == kept.levels == ()
    assert kept.only_value is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([7, 7, None]), 7.0),
        (pa.array([Decimal("1.50")] * 2), 1.5),
        (pa.array([True, True]), "true"),
        (pa.array(["GB", "GB"]).dictionary_encode(), "GB"),
        (pa.array([3, 3]).dictionary_encode(), 3.0),
    ],
)
def test_integers_decimals_booleans_and_dictionaries_are_understood(
    column: pa.Array, value: float | str
) -> None:
    assert sketch(column).only_value == value


def test_rare_levels_are_pooled_and_none_is_lost() -> None:
    kept = sketch(pa.array(["a"] * 5 + ["b"] * 3 + ["c", "d"]), size=3)
    assert dict(zip(kept.levels, kept.counts, strict=True)) == {"a": 5, "b": 3, OTHER: 2}
    assert sum(merge([kept, kept], size=3).counts) == 20


def test_a_date_is_refused_with_a_way_out() -> None:
    with pytest.raises(TypeError, match="days since"):
        sketch(pa.array([0], pa.date32()))


def test_merged_days_stand_for_all_their_rows() -> None:
    values = np.random.default_rng(1).lognormal(size=20_000)
    parts = [sketch(pa.array(part), size=256) for part in np.split(values, [500, 9_000])]
    merged, whole = merge(parts, size=256), sketch(pa.array(values), size=256)
    assert (merged.n, merged.low, merged.high) == (whole.n, whole.low, whole.high)
    assert np.median(merged.points) == pytest.approx(np.median(whole.points), rel=0.02)
    assert np.mean(merged.points) == pytest.approx(np.mean(whole.points), rel=0.02)


def test_a_day_without_values_merges_with_any_kind() -> None:
    merged = merge([sketch(pa.nulls(2)), sketch(pa.array([1.0]))])
    assert merged == ColumnSketch("number", 3, 2, points=(1.0,), low=1.0, high=1.0)


def test_numbers_and_categories_do_not_merge() -> None:
    with pytest.raises(ValueError, match="category"):
        merge([sketch(pa.array(["a"])), sketch(pa.array([1]))])


def test_a_column_that_is_one_number_per_day_is_an_index_of_time() -> None:
    days = [
        sketch_table(pa.table({"weekday": [day % 7] * 3, "spent": [1, 2, 3], "flag": [0] * 3}))
        for day in range(14)
    ]
    assert one_value_a_day(days) == {"weekday", "flag"}
    assert merge_tables(days)["weekday"].n == 42


def test_the_others_of_each_day_are_what_merging_them_gives() -> None:
    random = np.random.default_rng(0)
    tables = [
        pa.table({"n": random.normal(i, 1, 50 + i), "c": random.choice(["a", "b"], 50 + i)})
        for i in range(4)
    ]
    days = [sketch_table(table, 32) for table in tables]
    for name in ("n", "c"):
        parts = [day[name] for day in days]
        for i, others in enumerate(without_each(parts, 64)):
            assert others == merge([*parts[:i], *parts[i + 1 :]], 64)
