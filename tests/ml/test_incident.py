"""The circuit breaker: broken data is found the same day, healthy data passes."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from ml.calibration import calibrate
from ml.incident import Finding, day_incidents, extremes, incidents
from ml.sketch import ColumnSketch, sketch_table

ROWS = 500
RANDOM = np.random.default_rng(0)
HEALTHY = {
    "spent": RANDOM.normal(size=ROWS),
    "returns": (RANDOM.random(ROWS) < 0.02).astype(float),
    "country": RANDOM.choice(["GB", "FR"], ROWS),
}
REFERENCE = sketch_table(pa.table(HEALTHY))


def found(changes: dict[str, object], rows: int = ROWS) -> list[tuple[str, str | None]]:
    table = pa.table({**HEALTHY, **changes}).slice(0, rows)
    findings = incidents(REFERENCE, sketch_table(table), reference_days=1, current_days=1)
    return [(finding.name, finding.column) for finding in findings]


def test_healthy_data_is_no_incident() -> None:
    assert found({}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"spent": pa.nulls(ROWS, pa.float64())}, ("all null", "spent")),
        ({"spent": np.full(ROWS, 1.0)}, ("constant", "spent")),
        (
            {"spent": np.where(np.arange(ROWS) % 3 == 0, np.nan, HEALTHY["spent"])},
            ("null share", "spent"),
        ),
        ({"spent": np.append(HEALTHY["spent"][1:], np.inf)}, ("infinite", "spent")),
        ({"spent": ["1.0"] * ROWS}, ("changed type", "spent")),
        ({"country": ["XX"] * 50 + ["GB", "FR"] * 225}, ("unseen categories", "country")),
    ],
)
def test_each_fault_is_named_with_its_column(
    changes: dict[str, object], expected: tuple[str, str]
) -> None:
    assert found(changes) == [expected]


def test_a_rare_flag_may_be_absent_from_a_few_rows_but_not_from_many() -> None:
    absent = {"returns": np.zeros(ROWS)}
    assert found(absent, rows=120) == []
    many = sketch_table(pa.table({**HEALTHY, **absent}).take(pa.array(list(range(ROWS)) * 4)))
    findings = incidents(REFERENCE, many, reference_days=1, current_days=4)
    assert [f.column for f in findings] == ["returns"]


def test_a_calendar_column_may_be_constant() -> None:
    reference = {"weekday": sketch_table(pa.table({"weekday": np.arange(700) % 7}))["weekday"]}
    current = sketch_table(pa.table({"weekday": [3] * 100}))
    spans = {"reference_days": 7, "current_days": 1}
    assert incidents(reference, current, one_value_a_day=["weekday"], **spans) == ()
    assert [f.name for f in incidents(reference, current, **spans)] == ["constant"]


def test_rows_are_compared_per_day() -> None:
    week = {"x": ColumnSketch("number", 7_000, 7_000)}
    day = {"x": ColumnSketch("number", 150, 150)}
    assert incidents(week, day, reference_days=7, current_days=1) == (
        Finding("row count", None, "150 rows a day, the reference has 1000", 150, 200),
    )
    assert incidents(week, week, reference_days=7, current_days=7) == ()


def test_a_day_without_rows_and_a_lost_column_are_incidents() -> None:
    assert found({}, rows=0) == [("row count", None)]
    gone = incidents(
        REFERENCE,
        {"spent": REFERENCE["spent"], "returns": REFERENCE["returns"]},
        reference_days=1,
        current_days=1,
    )
    assert [(f.name, f.column) for f in gone] == [("missing column", "country")]


def test_of_a_span_without_rows_only_that_is_said() -> None:
    [found] = incidents(REFERENCE, {}, reference_days=1, current_days=7)
    assert (found.name, found.reason) == ("row count", "0 rows a day, the reference has 500")


def test_a_day_without_rows_is_no_incident_where_the_reference_has_one() -> None:
    [found] = day_incidents(REFERENCE, extremes([REFERENCE, REFERENCE]), {})
    assert (found.name, found.column) == ("row count", None)
    assert day_incidents(REFERENCE, extremes([REFERENCE, {}]), {}) == ()


def test_a_span_without_days_is_refused() -> None:
    with pytest.raises(ValueError, match="current_days is 0"):
        incidents(REFERENCE, REFERENCE, reference_days=1, current_days=0)


USUAL = extremes([REFERENCE] * 7)


def of_the_day(changes: dict[str, object], rows: int = ROWS) -> list[tuple[str, str | None]]:
    day = sketch_table(pa.table({**HEALTHY, **changes}).slice(0, rows))
    return [(f.name, f.column) for f in day_incidents(REFERENCE, USUAL, day)]


@pytest.mark.parametrize("factor", [100, 0.01])
def test_a_change_of_unit_is_found_on_the_day(factor: float) -> None:
    assert ("unit change", "spent") in of_the_day({"spent": HEALTHY["spent"] * factor})


def test_zeros_do_not_hide_a_change_of_unit() -> None:
    spent = np.where(np.arange(ROWS) % 5, 0.0, RANDOM.lognormal(size=ROWS))
    reference = sketch_table(pa.table({"spent": spent}))
    day = sketch_table(pa.table({"spent": spent * 100}))
    found = day_incidents(reference, extremes([reference]), day)
    assert "unit change" in [finding.name for finding in found]


def test_a_part_of_the_rows_in_another_unit_is_out_of_range() -> None:
    spent = np.where(np.arange(ROWS) < 50, 1000.0, HEALTHY["spent"])
    assert of_the_day({"spent": spent}) == [("out of range", "spent")]


def test_a_column_of_one_value_a_day_may_move_as_it_likes() -> None:
    day = sketch_table(pa.table({**HEALTHY, "spent": np.full(ROWS, 1e6)}))
    assert day_incidents(REFERENCE, USUAL, day, one_value_a_day=["spent"]) == ()


def test_a_healthy_day_and_a_smaller_one_are_no_incident() -> None:
    assert of_the_day({}) == of_the_day({}, rows=ROWS * 2 // 3) == []


def test_a_day_of_few_rows_is_judged_by_their_number_alone() -> None:
    assert of_the_day({"spent": HEALTHY["spent"] * 100}, rows=50) == [("row count", None)]


def test_what_grows_since_the_first_day_is_no_incident_but_a_change_of_its_unit_is() -> None:
    first = date(2024, 1, 1)

    def tenure(day: int, factor: float = 1.0) -> dict[str, ColumnSketch]:
        values = factor * np.random.default_rng(day).uniform(0, day + 1, ROWS)
        return sketch_table(pa.table({"tenure": values}))

    known = calibrate({first + timedelta(n): tenure(n) for n in range(75)})

    def wrong(day: int, factor: float = 1.0) -> list[str]:
        limits = known.limits(first + timedelta(day))
        table = tenure(day, factor)
        return [
            f.name for f in day_incidents(known.reference, known.extremes, table, limits=limits)
        ]

    assert [wrong(day) for day in (80, 200, 400, 800)] == [[]] * 4
    assert "unit change" in wrong(200, factor=24.0)
