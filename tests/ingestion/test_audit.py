from pathlib import Path

import numpy as np
import pytest
from pyarrow.csv import read_csv

from ingestion.audit import FACTOR, MIN_RECENT_DAYS, hold_reason

RECENT = [{"price": 2.0 + day % 3, "quantity": 5.0} for day in range(28)]


def test_a_usual_day_is_published() -> None:
    assert hold_reason(1000, 990, {"price": 2.9, "quantity": 4.0}, RECENT, 0.02) is None


def test_too_many_rejects_hold_a_day_with_both_rates_named() -> None:
    reason = hold_reason(1000, 970, {"price": 2.9}, RECENT, 0.02)
    assert reason == "reject rate 3.0% is above max_reject_rate 2.0%"


@pytest.mark.parametrize("factor", [100, 0.01, -100])
def test_a_median_of_another_unit_holds_a_day(factor: float) -> None:
    reason = hold_reason(1000, 1000, {"price": 3.0 * factor, "quantity": 5.0}, RECENT, 0.02)
    assert reason is not None
    assert reason.startswith(f"median of price is {3.0 * factor:g}")


@pytest.mark.parametrize("factor", [FACTOR, 1 / FACTOR])
def test_a_median_at_the_limit_is_published(factor: float) -> None:
    assert hold_reason(1000, 1000, {"price": 3.0 * factor}, RECENT, 0.02) is None


def test_without_a_week_of_recent_days_only_rejects_count() -> None:
    few = RECENT[: MIN_RECENT_DAYS - 1]
    assert hold_reason(10, 10, {"price": 300.0}, few, 0.02) is None
    assert hold_reason(10, 9, {"price": 300.0}, few, 0.02) is not None


def test_an_empty_day_is_published() -> None:
    assert hold_reason(0, 0, {"price": None}, RECENT, 0.0) is None


def test_days_without_a_median_do_not_count_as_recent() -> None:
    closed = [{"price": None} for _ in range(28)]
    assert hold_reason(10, 10, {"price": 300.0}, closed, 0.02) is None


def test_the_yardstick_moves_with_the_newest_days() -> None:
    grown = [{"price": 1.0}] * 100 + [{"price": 20.0}] * 28
    assert hold_reason(10, 10, {"price": 21.0}, grown, 0.02) is None


def daily_medians(real_data: Path) -> list[dict[str, float]]:
    days = []
    for file in sorted((real_data / "order_lines").glob("*.csv.gz")):
        rows = read_csv(file)
        price = rows["Price" if "Price" in rows.column_names else "UnitPrice"]
        days.append({"price": np.median(price.to_numpy()), "quantity": np.median(rows["Quantity"])})
    return days


def test_on_the_real_shop_at_most_one_healthy_day_a_year_is_held_and_every_day_in_pence(
    real_data: Path,
) -> None:
    days = daily_medians(real_data)
    published, held, missed = [], 0, 0
    for medians in days:
        pence = {**medians, "price": medians["price"] * 100}
        missed += hold_reason(100, 100, pence, published, 0.02) is None
        if hold_reason(100, 100, medians, published, 0.02):
            held += 1
        else:
            published.append(medians)
    assert len(days) == 604
    assert held <= 2
    assert missed == MIN_RECENT_DAYS
