"""Distances between two sketches of a column."""

import numpy as np
import pyarrow as pa
import pytest

from ml.distance import FURTHEST, score, unseen_share
from ml.merging import merge
from ml.sketch import sketch

NORMAL = np.random.default_rng(0).normal(size=20_000)


def distance(reference: object, current: object) -> float | None:
    return score(sketch(pa.array(reference)), sketch(pa.array(current)))


def test_a_shift_scores_its_size_in_interquartile_ranges() -> None:
    assert distance(NORMAL, NORMAL + 0.3) == pytest.approx(0.3 / 1.349, rel=0.03)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_a_column_does_not_matter(scale: float) -> None:
    expected = distance(NORMAL, NORMAL + 0.3)
    assert distance(NORMAL * scale, (NORMAL + 0.3) * scale) == pytest.approx(expected)


def test_one_outlier_neither_makes_nor_hides_a_shift() -> None:
    small = NORMAL[:1000]
    outlier = np.append(small, 1e6)
    quiet, moved = distance(small, outlier), distance(outlier, small + 2)
    assert quiet is not None
    assert moved is not None
    assert quiet < 0.02
    assert moved > 1


def test_a_change_of_unit_scores_high_and_stays_finite() -> None:
    found = distance(NORMAL + 5, (NORMAL + 5) * 100)
    assert found is not None
    assert 9 < found <= FURTHEST


@pytest.mark.parametrize("mostly_zero", [0.6, 0.995, 1.0])
def test_a_column_that_is_mostly_zero_has_a_finite_score(mostly_zero: float) -> None:
    column = np.where(np.arange(20_000) < mostly_zero * 20_000, 0.0, np.abs(NORMAL))
    assert distance(column, column) == 0
    found = distance(column, column + 1)
    assert found is not None
    assert 0.5 < found <= FURTHEST


def test_rounding_of_a_constant_is_no_drift() -> None:
    found = distance([0.3] * 100 + [0.1 + 0.2] * 100, [0.1 + 0.2] * 200)
    assert found is not None
    assert found < 1e-12


def test_equal_categories_score_zero_and_disjoint_ones_the_most() -> None:
    assert distance(["a", "b"], ["b", "a"]) == 0
    assert distance(["a", "b"], ["c", "d"]) == pytest.approx(np.sqrt(np.log(2)))


@pytest.mark.parametrize("other", [[], [None], [1.0]])
def test_what_cannot_be_compared_has_no_score(other: list[float | None]) -> None:
    assert score(sketch(pa.array(["a"])), sketch(pa.array(other, pa.float64()))) is None


def test_unseen_categories_are_counted_by_their_rows() -> None:
    reference = sketch(pa.array(["GB", "FR"]))
    assert unseen_share(reference, sketch(pa.array(["GB", "XX", "XX", None]))) == 2 / 3
    assert unseen_share(reference, sketch(pa.array([1.0]))) == 0


def test_what_a_reference_had_to_pool_is_not_unseen() -> None:
    rng = np.random.default_rng(0)
    days = [pa.array((rng.zipf(1.3, 1500) % 3000).astype(str)) for _ in range(60)]
    reference = merge([sketch(day) for day in days[:-1]], 64)
    assert unseen_share(reference, sketch(days[-1])) < 0.02
    new = pa.chunked_array([days[-1], pa.array(["new"] * 500)]).combine_chunks()
    assert unseen_share(reference, sketch(new)) > 0.2
