"""The feature alarm: calibrated by the reference's own weeks."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.feature_alarm import Calibration, calibrate, check, from_json, to_json
from ml.merging import merge_tables
from ml.sketch import ColumnSketch, sketch_table

START = date(2010, 1, 1)
ROWS = 300
Stream = dict[date, Mapping[str, ColumnSketch]]


def stream(first: int, last: int, shift: float = 0.0) -> Stream:
    """Days whose level wanders, as real ones do, with a weekend, a calendar and a category."""
    found: Stream = {}
    for i in range(first, last):
        random = np.random.default_rng([7, i])
        day = START + timedelta(i)
        level = random.normal(0, 0.1) + 0.15 * (day.weekday() >= 5)
        columns = {
            "spent": random.normal(level + shift, 1, ROWS),
            "items": random.poisson(3 + level, ROWS),
            "gap": np.where(random.random(ROWS) < 0.3, np.nan, random.lognormal(0, 1, ROWS)),
            "country": random.choice(["GB", "FR", "DE"], ROWS, p=[0.8, 0.15, 0.05]),
            "day_number": np.full(ROWS, i),
        }
        found[day] = sketch_table(pa.table(columns), 256)
    return found


def week(stream: Stream) -> dict[str, ColumnSketch]:
    return merge_tables(stream.values())


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate(stream(0, 112))


def test_the_weeks_after_the_reference_do_not_alarm(calibration: Calibration) -> None:
    states = [check(calibration, week(stream(d, d + 7))) for d in range(112, 182, 7)]
    assert [state.severity for state in states] == [None] * 10


def test_a_shifted_column_alarms_and_is_named(calibration: Calibration) -> None:
    state = check(calibration, week(stream(112, 119, shift=0.4)))
    assert (state.severity, state.columns) == ("ERROR", ("spent",))
    assert state.statistic > state.threshold
    assert state.reason.startswith("spent is")


def test_more_missing_values_alarm(calibration: Calibration) -> None:
    current = week(stream(112, 119))
    gap = current["gap"]
    missing = ColumnSketch(
        "number", gap.n, gap.nulls + gap.n // 3, 0, gap.points, gap.low, gap.high
    )
    assert check(calibration, {**current, "gap": missing}).columns == ("gap",)


def test_a_column_that_counts_the_days_is_no_part_of_the_alarm(calibration: Calibration) -> None:
    assert calibration.time_columns == ("day_number",)
    assert "day_number" not in calibration.reference


def test_a_short_reference_gives_advice_only() -> None:
    state = check(calibrate(stream(0, 49)), week(stream(112, 119, shift=2.0)))
    assert (state.raised, state.severity) == (True, "WARN")
    assert state.reason.startswith("advice only, 49 of 84 reference days")


@pytest.mark.parametrize("days", [1, 20])
def test_a_reference_of_hardly_any_weeks_says_so(days: int) -> None:
    state = check(calibrate(stream(0, days)), week(stream(112, 119, shift=2.0)))
    assert (state.raised, state.calibrated) == (False, False)
    assert state.reason == f"not calibrated: nothing to compare with {days} reference days"


def test_an_empty_or_foreign_week_is_not_called_healthy(calibration: Calibration) -> None:
    empty = {"spent": ColumnSketch("number", 0, 0)}
    assert not check(calibration, empty).calibrated
    assert not check(calibration, {}).calibrated


def test_a_calibration_survives_being_written(calibration: Calibration) -> None:
    assert from_json(to_json(calibration)) == calibration


def test_no_reference_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no reference days"):
        calibrate({})
