"""What one column by itself says of the label."""

import numpy as np
import pyarrow as pa
import pytest

from ml.alone import binned, skill
from ml.task import task_of

ROWS = 4000


def halves(values, labels: np.ndarray) -> tuple:
    column, half = pa.chunked_array([pa.array(values)]), len(labels) // 2
    return (column[:half], labels[:half]), (column[half:], labels[half:])


@pytest.fixture
def drawn() -> np.random.Generator:
    return np.random.default_rng(5)


def test_an_oracle_saves_nearly_all_and_noise_nothing(drawn: np.random.Generator) -> None:
    labels = drawn.integers(0, 2, ROWS).astype(float)
    task = task_of("binary")
    assert skill(task, *halves(labels + 3, labels)) > 0.99
    assert abs(skill(task, *halves(drawn.normal(size=ROWS), labels))) < 0.02
    said = np.where(drawn.random(ROWS) < 0.8, labels, 1 - labels)
    assert skill(task, *halves(np.where(said == 1, "yes", "no"), labels)) == pytest.approx(
        1 - 0.5004 / np.log(2), abs=0.03
    )


def test_missing_values_are_a_bin_of_their_own(drawn: np.random.Generator) -> None:
    labels = drawn.integers(0, 2, ROWS).astype(float)
    only_sellers = [1.0 if label else None for label in labels]
    assert skill(task_of("binary"), *halves(only_sellers, labels)) > 0.99
    places, other = binned(pa.chunked_array([[1, 2, None]]), pa.chunked_array([[None, 9, 0]]))
    assert places[2] == other[0] == 0
    assert min(places[0], places[1], other[1], other[2]) > 0


def test_it_knows_every_task(drawn: np.random.Generator) -> None:
    amounts = drawn.normal(size=ROWS)
    assert skill(task_of("regression"), *halves(amounts, amounts)) > 0.9
    classes = drawn.integers(0, 3, ROWS).astype(float)
    task = task_of("multiclass", ("a", "b", "c"))
    assert skill(task, *halves(classes, classes)) > 0.99
    assert abs(skill(task, *halves(amounts, classes))) < 0.02


def test_categories_beyond_the_frequent_ones_say_nothing() -> None:
    column = pa.chunked_array([[f"c{n}" for n in range(60)] * 2 + ["often"] * 9])
    places, other = binned(column, pa.chunked_array([["often", "new"]]))
    assert other.tolist() == [1, 0]
    assert places.max() == 20
