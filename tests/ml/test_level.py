"""What a day's rows share moves them together, as far as days have shown it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from scipy.special import expit

from ml.level import LevelPath
from ml.schema import Schema
from ml.tabular import TabularModel, TrainConfig
from ml.task import BINARY
from ml.tracker import NoTracker
from ml.training import fit

CONFIG = TrainConfig(seed=3, epochs=2, width=16, members=2)
DAYS, ENTITIES = 40, 200


def with_level(table: pa.Table, effect: float, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Rows whose label's log-odds move with `trend`, a column that a day's rows share."""
    rng = np.random.default_rng(seed)
    days = np.unique(table["as_of"].to_numpy(), return_inverse=True)[1]
    trend = rng.normal(size=DAYS)[days]
    chance = expit(-0.5 + effect * trend)
    label = (rng.random(len(days)) < chance).astype(int)
    table = table.append_column("trend", pa.array(trend))
    return table.set_column(
        table.column_names.index("repurchased"), "repurchased", pa.array(label)
    ), trend


def with_trend(schema: Schema) -> Schema:
    return replace(schema, numeric=(*schema.numeric, "trend"))


@pytest.fixture
def learned(customers: Callable[..., pa.Table], schema: Schema) -> TabularModel:
    table, _ = with_level(customers(ENTITIES, DAYS), effect=0.8)
    return fit(table, table.slice(0, 500), with_trend(schema), CONFIG, NoTracker())


def test_all_rows_of_a_day_move_by_what_they_share(
    customers: Callable[..., pa.Table], schema: Schema, learned: TabularModel
) -> None:
    table = customers(50, 1)
    low, high = (table.append_column("trend", pa.array(np.full(50, x))) for x in (-1.0, 1.0))
    moved = BINARY.link(learned.predict(high)) - BINARY.link(learned.predict(low))
    assert np.ptp(moved) < 1e-3
    assert 0.6 < moved.mean() < 1.6  # twice the effect, less what 40 days can not prove


def test_it_is_saved_and_a_missing_value_counts_as_the_mean_of_the_days(
    customers: Callable[..., pa.Table], learned: TabularModel, tmp_path
) -> None:
    table = customers(50, 1)
    [column] = learned.preprocessing.of_days
    missing, mean = (
        table.append_column("trend", pa.array(x, pa.float64()))
        for x in ([None] * 50, [column.mean] * 50)
    )
    learned.save(tmp_path)
    loaded = TabularModel.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(missing), learned.predict(mean))


def test_beyond_the_range_of_the_training_days_it_moves_no_further(
    customers: Callable[..., pa.Table], learned: TabularModel
) -> None:
    table = customers(50, 1)
    [column] = learned.preprocessing.of_days
    highest, higher = (
        table.append_column("trend", pa.array(np.full(50, x))) for x in (column.high, 1e9)
    )
    np.testing.assert_array_equal(learned.predict(highest), learned.predict(higher))


def path_of(days: int, rows: int, ridge: float, half_life_days: float = 1e9) -> float:
    """The coefficient learned from days whose label rate is 0.2 or 0.4 by a column of -1 and 1."""
    day = torch.arange(days).repeat_interleave(rows)
    shared = (day % 2 * 2 - 1).float()[:, None]
    position = torch.arange(rows).repeat(days) / rows
    targets = (position < torch.where(day % 2 == 1, 0.4, 0.2)).double()
    path = LevelPath(1, 1)
    path.fit(
        shared,
        day,
        torch.ones(len(day)),
        lambda added, some: BINARY.training_losses(added[:, None], targets[some]),
        ridge,
        half_life_days,
    )
    return float(path.weight)


def test_it_is_the_logistic_regression_of_days_and_few_days_or_few_rows_say_less() -> None:
    exact = (np.log(0.4 / 0.6) - np.log(0.2 / 0.8)) / 2
    assert path_of(40, 1000, ridge=1e-6) == pytest.approx(exact, abs=1e-3)
    many, few = path_of(40, 1000, ridge=4.0), path_of(4, 1000, ridge=4.0)
    assert 0 < few < many < exact
    assert path_of(40, 10, ridge=4.0) < many
    assert path_of(40, 1000, ridge=4.0, half_life_days=2.0) < few


def test_the_newest_days_say_most_about_the_level() -> None:
    ages = torch.arange(40).repeat_interleave(1000)
    position = torch.arange(1000).repeat(40) / 1000
    targets = (position < torch.where(ages < 5, 0.4, 0.2)).double()
    levels = {}
    for half_life_days in (5.0, 1e9):
        path = LevelPath(0, 1)
        path.fit(
            torch.zeros(len(ages), 0),
            ages,
            torch.ones(len(ages)),
            lambda added, some: BINARY.training_losses(added[:, None], targets[some]),
            4.0,
            half_life_days,
        )
        levels[half_life_days] = float(torch.sigmoid(path.bias))
    newest = (0.5 ** (np.arange(40) / 5.0))[:5].sum() / (0.5 ** (np.arange(40) / 5.0)).sum()
    assert levels[1e9] == pytest.approx(0.2 + 0.2 * 5 / 40, abs=1e-4)
    assert levels[5.0] == pytest.approx(0.2 + 0.2 * newest, abs=1e-4)


def test_without_an_effect_on_labels_it_stays_close_to_zero(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    table, _ = with_level(customers(ENTITIES, DAYS), effect=0.0)
    model = fit(table, table.slice(0, 500), with_trend(schema), CONFIG, NoTracker())
    assert abs(float(model.network.level.weight)) < 0.1


def test_a_row_of_negligible_weight_is_not_learned_from(
    customers: Callable[..., pa.Table], schema: Schema
) -> None:
    table, _ = with_level(customers(ENTITIES, DAYS), effect=0.8)
    wrong = table.set_column(
        table.column_names.index("repurchased"),
        "repurchased",
        pc.subtract(1, table["repurchased"]).cast(pa.int32()),
    ).cast(table.schema)
    later = wrong.set_column(
        wrong.column_names.index("as_of"),
        "as_of",
        pa.array([day + timedelta(DAYS) for day in wrong["as_of"].to_pylist()]),
    )
    weights = np.repeat([1.0, 1e-6], table.num_rows)
    both = pa.concat_tables([table, later])
    model = fit(both, table.slice(0, 500), with_trend(schema), CONFIG, NoTracker(), weights)
    assert float(model.network.level.weight) > 0.15  # up to 79 days old, they count less
