"""Fitted on training rows only, and calm about whatever comes later."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.errors import SchemaError, TrainingError
from ml.preprocessing import FIRST_LEVEL, MISSING, UNSEEN, Preprocessing
from ml.schema import Schema

SCHEMA = Schema("id", "day", "y", ("x",), ("c",))


def table(x: list[float | None], c: list[str | None]) -> pa.Table:
    days = pa.array([date(2024, 1, 1)] * len(x), pa.date32())
    return pa.table({"x": pa.array(x, pa.float64()), "c": pa.array(c, pa.string()), "day": days})


def fitted(bins: int = 4, min_level_rows: int = 1) -> Preprocessing:
    train = table([0.0, 1.0, 2.0, 3.0, 4.0], ["b", "a", "a", None, "b"])
    return Preprocessing.fit(train, SCHEMA, bins, min_level_rows)


def test_a_number_becomes_its_position_among_the_training_quantiles() -> None:
    encoded = fitted(bins=2).transform(table([0.0, 1.0, 2.0, 4.0], ["a"] * 4))
    assert encoded.positions[:, 0].tolist() == [0.0, 0.5, 1.0, 2.0]


def test_numbers_outside_the_training_range_count_as_its_ends() -> None:
    encoded = fitted().transform(table([-1e12, 1e12, np.inf, -np.inf], ["a"] * 4))
    assert encoded.positions[:, 0].tolist() == [0.0, 4.0, 4.0, 0.0]


def test_missing_numbers_stay_missing() -> None:
    positions = fitted().transform(table([None, np.nan, 1.0], ["a"] * 3)).positions[:, 0]
    assert positions.isnan().tolist() == [True, True, False]


def test_unseen_and_missing_categories_have_codes_of_their_own() -> None:
    codes = fitted().transform(table([1.0] * 4, ["a", "b", "new", None])).codes[:, 0].tolist()
    assert codes == [FIRST_LEVEL, FIRST_LEVEL + 1, UNSEEN, MISSING]


def test_a_level_with_too_few_training_rows_counts_as_unseen() -> None:
    train = table([0.0, 1.0, 2.0], ["a", "a", "rare"])
    codes = Preprocessing.fit(train, SCHEMA, 4, 2).transform(train).codes[:, 0].tolist()
    assert codes == [FIRST_LEVEL, FIRST_LEVEL, UNSEEN]


def test_scoring_rows_change_nothing_of_what_was_fitted() -> None:
    alone = fitted().transform(table([1.0], ["a"]))
    crowd = fitted().transform(table([1.0, 1e9, None], ["a", "z", None]))
    assert crowd.positions[0].equal(alone.positions[0])
    assert crowd.codes[0].equal(alone.codes[0])


def test_constant_and_all_null_columns_have_no_bins(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    preprocessing = Preprocessing.fit(customers(50, 4), schema, 16, 1)
    bins = dict(zip(schema.numeric, preprocessing.bins, strict=True))
    assert bins["constant"] == bins["all_null"] == 0
    assert bins["member"] == 1
    assert bins["price"] == 16


def test_what_all_rows_of_a_day_share_is_kept_apart_from_numbers_and_categories() -> None:
    days = np.arange(10).repeat(30)
    rows = pa.table(
        {
            "day": [date(2024, 1, 1) + timedelta(int(d)) for d in days],
            "season": pa.array(np.sin(days), mask=days == 3),
            "weekday": [str(d % 7) for d in days],
            "own": np.arange(300.0),
            "almost": np.where(np.arange(300) == 7, 1.0, days),
        }
    )
    schema = Schema("id", "day", "y", ("season", "own", "almost"), ("weekday",))
    preprocessing = Preprocessing.fit(rows, schema, 4, 1)
    encoded = preprocessing.transform(rows)
    assert preprocessing.shared == ("season", "weekday")
    assert not encoded.positions[:, 0].any()
    assert not encoded.codes.any()
    season = np.sin(np.delete(np.arange(10), 3))
    assert encoded.shared[0, 0] == pytest.approx((season[0] - season.mean()) / season.std())
    assert encoded.shared[3 * 30, 0] == 0.0
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing


def test_one_row_a_day_shares_nothing() -> None:
    days = [date(2024, 1, 1) + timedelta(i) for i in range(50)]
    rows = pa.table({"day": days, "x": np.arange(50.0)})
    assert Preprocessing.fit(rows, Schema("id", "day", "y", ("x",), ()), 4, 1).shared == ()


def test_an_absent_column_is_named_with_what_the_model_expects() -> None:
    with pytest.raises(SchemaError, match=r"'x' \(numeric\) is 0 times in the table"):
        fitted().transform(table([1.0], ["a"]).drop("x"))


def test_a_number_that_turned_into_text_is_refused() -> None:
    changed = pa.table({"x": ["1.0"], "c": ["a"]})
    with pytest.raises(SchemaError, match="'x' has type string, the model was trained on a num"):
        fitted().transform(changed)


def test_no_training_rows_are_refused() -> None:
    with pytest.raises(TrainingError, match="no training rows"):
        Preprocessing.fit(table([], []), SCHEMA, 4, 1)
