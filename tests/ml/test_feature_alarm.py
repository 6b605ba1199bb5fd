"""The feature alarm: calibrated by the reference's own days."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from ml.calibration import Calibration, calibrate
from ml.feature_alarm import check
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


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate(stream(0, 84), seed=3)


@pytest.fixture(scope="module")
def shifted() -> Stream:
    """A quiet week, then four days on which `spent` has moved."""
    return stream(84, 91) | stream(91, 95, shift=0.5)


def test_the_weeks_after_the_reference_do_not_alarm(calibration: Calibration) -> None:
    days = stream(84, 154)
    ends = range(10, 71, 10)
    states = [check(calibration, dict(list(days.items())[:end])) for end in ends]
    assert [state.severity for state in states] == [None] * len(ends)


def test_a_shifted_column_alarms_within_days_and_is_named_with_its_start(
    calibration: Calibration, shifted: Stream
) -> None:
    state = check(calibration, shifted)
    assert (state.severity, state.columns) == ("ERROR", ("spent",))
    assert state.statistic > state.threshold
    assert state.since is not None
    assert state.since >= START + timedelta(84)
    assert state.reason.startswith("spent adds up to")


def test_one_odd_day_is_no_drift(calibration: Calibration) -> None:
    assert check(calibration, stream(84, 91) | stream(91, 92, shift=5.0)).severity is None


def test_an_alarm_ends_when_its_cause_does(calibration: Calibration, shifted: Stream) -> None:
    assert check(calibration, shifted | stream(95, 120)).severity is None


def test_more_missing_values_alarm(calibration: Calibration) -> None:
    days = {day: {**table, "gap": half_gone(table["gap"])} for day, table in stream(84, 91).items()}
    assert check(calibration, days).columns == ("gap",)


def half_gone(column: ColumnSketch) -> ColumnSketch:
    return replace(column, nulls=column.nulls + column.valid // 2)


def test_a_column_that_the_model_does_not_use_is_only_shown(shifted: Stream) -> None:
    known = calibrate(stream(0, 84), seed=3, importance={"spent": 0.01, "items": 1.0})
    state = check(known, shifted)
    assert (state.raised, state.severity, state.columns) == (True, "WARN", ("spent",))
    assert state.reason.startswith("too small or unimportant to harm: spent")
    assert "importance 0.01" in state.reason


def test_a_shift_that_is_unusual_but_tiny_is_only_shown(calibration: Calibration) -> None:
    strict = {name: replace(found, median=-9.0) for name, found in calibration.usual.items()}
    days = {day: calibration.of_weekday(day) for day in stream(84, 94)}
    state = check(replace(calibration, usual=strict), days)
    assert (state.raised, state.severity) == (True, "WARN")
    assert state.reason.startswith("too small or unimportant to harm: ")


def test_days_are_compared_with_those_of_their_weekday(calibration: Calibration) -> None:
    saturday, monday = (calibration.of_weekday(date(2010, 5, day))["spent"] for day in (1, 3))
    assert np.mean(saturday.points) > np.mean(monday.points)


def test_the_same_reference_and_seed_give_the_same_threshold(calibration: Calibration) -> None:
    assert calibrate(stream(0, 84), seed=3) == calibration


def test_a_column_that_counts_the_days_is_no_part_of_the_alarm(calibration: Calibration) -> None:
    assert calibration.time_columns == ("day_number",)
    assert "day_number" not in calibration.reference


def test_a_short_reference_gives_advice_only() -> None:
    state = check(calibrate(stream(0, 49)), stream(84, 91, shift=2.0))
    assert (state.raised, state.severity) == (True, "WARN")
    assert state.reason.startswith("advice only, 49 of 56 reference days")


@pytest.mark.parametrize("days", [1, 20])
def test_a_reference_of_hardly_any_days_says_so(days: int) -> None:
    state = check(calibrate(stream(0, days)), stream(84, 91, shift=2.0))
    assert (state.raised, state.calibrated) == (False, False)
    assert state.reason == f"not calibrated: nothing to compare with {days} reference days"


def test_empty_or_foreign_days_are_not_called_healthy(calibration: Calibration) -> None:
    empty = {START: {"spent": ColumnSketch("number", 0, 0)}}
    assert not check(calibration, empty).calibrated
    assert not check(calibration, {}).calibrated


def test_a_calibration_survives_being_written(calibration: Calibration) -> None:
    adapter = TypeAdapter(Calibration)
    assert adapter.validate_json(adapter.dump_json(calibration)) == calibration


def test_no_reference_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no reference days"):
        calibrate({})


def test_what_wanders_for_months_raises_the_threshold() -> None:
    def wandering(amplitude: float) -> Stream:
        days = [stream(i, i + 1, amplitude * math.sin(i / 20)) for i in range(84)]
        return {day: table for found in days for day, table in found.items()}

    assert calibrate(wandering(0.4)).threshold > 2 * calibrate(wandering(0.0)).threshold
