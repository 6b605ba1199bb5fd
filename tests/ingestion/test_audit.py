from datetime import date, timedelta

import pytest

from ingestion.audit import (
    MEDIAN_FACTOR,
    MIN_RECENT_DAYS,
    RECENT_DAYS,
    Counts,
    Recent,
    before,
    hold_reason,
    warnings,
)
from ingestion.profile import ColumnProfile, Profile

MONDAY = date(2024, 3, 4)
GOOD = Counts(1000, 1000)


def profile(
    price: float | None = 2.0,
    length: float = 25.0,
    nulls: float = 0.2,
    breaks: float = 0.02,
    distinct: float = 0.5,
    rows: int = 1000,
    first: float = 8.0,
    last: float = 17.0,
) -> Profile:
    columns = {
        "price": ColumnProfile(median=price),
        "description": ColumnProfile(length=length, distinct=distinct),
        "customer": ColumnProfile(nulls=nulls, breaks=breaks),
    }
    return Profile(rows=rows, first=first, last=last, columns=columns)


def days(count: int = RECENT_DAYS, released: bool = False, **values: float | None) -> list[Recent]:
    """Days that end before MONDAY."""
    return [
        Recent(MONDAY - timedelta(days=count - n), profile(**values), released)
        for n in range(count)
    ]


def held(recent: list[Recent], counts: Counts = GOOD, **values: float | None) -> str | None:
    return hold_reason(counts, profile(**values), recent, 0.02)


def test_a_usual_day_is_published() -> None:
    assert held(days(), Counts(1000, 990, 1000), price=2.9, nulls=0.3, length=27.0) is None


def test_too_many_rejects_hold_a_day_with_both_rates_named() -> None:
    reason = held(days(), Counts(1000, 970))
    assert reason == "reject rate 3.0% is above max_reject_rate 2.0%"


def test_rows_that_spark_did_not_see_hold_a_day() -> None:
    assert held([], Counts(12, 12, 14)) == "Spark read 12 of the file's 14 rows"
    assert held([], Counts(14, 14, 14)) is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"price": 200.0}, "price: its median is 200"),
        ({"price": 0.02}, "price: its median is 0.02"),
        ({"price": -200.0}, "price: its median is -200"),
        ({"price": 0.0}, "price: its median is 0, more than 5 times off"),
        ({"length": 13.4}, "description: its values have 13.4 characters"),
        ({"length": 51.0}, "description: its values have 51.0 characters"),
        ({"distinct": 0.04}, "description: 4% of its values are different ones"),
        ({"nulls": 0.68}, "customer: 68.0% of the rows have no value"),
        ({"breaks": 0.48}, "customer: values are missing here and there (48.0%"),
    ],
)
def test_a_day_unlike_recent_ones_is_held_and_the_column_named(values: dict, named: str) -> None:
    assert str(held(days(), **values)).startswith(named)


@pytest.mark.parametrize("factor", [MEDIAN_FACTOR, 1 / MEDIAN_FACTOR])
def test_a_median_at_the_limit_is_published(factor: float) -> None:
    assert held(days(price=3.0), price=3.0 * factor) is None


def test_a_median_of_zero_is_published_where_recent_ones_lie_around_it() -> None:
    assert held([*days(27), *days(1, price=0.0)], price=0.0) is None
    assert held([*days(20), *days(8, price=-2.0)], price=0.0) is None
    assert held(days(price=0.0), price=2.0) is None


def test_without_a_week_of_recent_days_only_rejects_count() -> None:
    few = days(MIN_RECENT_DAYS - 1)
    assert held(few, price=200.0, nulls=1.0) is None
    assert held(few, Counts(100, 90)) is not None


def test_an_empty_day_is_published() -> None:
    assert hold_reason(Counts(0, 0, 0), Profile(), days(), 0.0) is None


def test_days_without_rows_and_days_of_an_older_platform_are_no_yardstick() -> None:
    closed = [Recent(MONDAY - timedelta(days=n + 1), Profile()) for n in range(28)]
    old = [Recent(MONDAY - timedelta(days=n + 1), Profile(rows=900)) for n in range(28)]
    assert held(closed, price=200.0) is None
    assert held(old, price=200.0) is None


def test_a_few_rows_without_a_value_are_chance_in_a_small_delivery() -> None:
    recent = days(nulls=0.0, breaks=0.0, rows=5)
    assert held(recent, nulls=0.4, breaks=0.5, rows=5) is None
    assert held(recent, nulls=1.0, breaks=0.0, rows=5) is not None


def test_a_level_that_was_released_twice_is_the_new_normal() -> None:
    usual, changed = days(27), days(1, released=True, price=200.0)
    assert held([*usual, *changed], price=210.0) is not None
    assert held([*usual, *changed, *changed], price=210.0) is None
    assert held([*usual, *changed, *changed], price=20_000.0) is not None
    assert held([*usual, *changed, *changed], price=2.0) is None


def test_released_days_without_a_value_are_no_new_normal() -> None:
    usual = days(26)
    empty, one = days(2, released=True, price=None), days(1, released=True, price=200.0)
    assert held([*usual, *empty], price=200.0) is not None
    assert held([*usual, *empty, *one], price=200.0) is not None
    assert held([*usual, *empty, *one, *one], price=200.0) is None
    unlike = days(2, released=True, price=None, length=60.0)
    assert held([*usual, *unlike], price=None, length=60.0) is None


def test_the_yardstick_is_the_last_28_days_with_rows_and_the_empty_ones_between() -> None:
    long = days(60)
    closed = [Recent(day.day, Profile()) if day.day.weekday() == 5 else day for day in long]
    found = before([*closed, Recent(MONDAY, profile())], MONDAY)
    assert len([day for day in found if day.profile.rows]) == RECENT_DAYS
    assert {day.day.weekday() for day in found if not day.profile.rows} == {5}
    assert found[0].profile.rows
    assert found[-1].day == MONDAY - timedelta(days=1)
    assert before(long, long[0].day) == []


def test_a_halved_file_is_a_warning_and_no_hold() -> None:
    assert held(days(), Counts(500, 500), rows=500) is None
    [warning] = warnings(MONDAY, profile(rows=500), days(), None)
    assert warning == "500 rows, recent days and those of this weekday had 1,000"


def test_a_usual_number_of_rows_is_no_warning() -> None:
    assert warnings(MONDAY, profile(rows=700), days(), None) == ()
    assert warnings(MONDAY, profile(rows=300), days(MIN_RECENT_DAYS - 1), None) == ()


def test_a_short_weekday_is_compared_with_its_like() -> None:
    sunday = MONDAY - timedelta(days=1)
    recent = [
        Recent(day.day, profile(rows=400) if day.day.weekday() == 6 else day.profile)
        for day in days(29)
        if day.day < sunday
    ]
    assert warnings(sunday, profile(rows=400), recent, None) == ()
    assert warnings(sunday, profile(rows=200), recent, None) != ()
    assert warnings(MONDAY, profile(rows=400), recent, None) != ()


def test_no_row_at_all_is_a_warning_unless_that_weekday_never_has_any() -> None:
    recent = [Recent(day.day, Profile()) if day.day.weekday() == 5 else day for day in days(28)]
    saturday = MONDAY + timedelta(days=5)
    assert warnings(saturday, Profile(), recent, None) == ()
    assert warnings(MONDAY, Profile(), recent, None) != ()


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"last": 13.5}, "ends at 13:30, no recent day before 17:00"),
        ({"first": 12.25}, "begins at 12:15, no recent day after 08:00"),
    ],
)
def test_a_day_that_is_cut_is_a_warning(values: dict, warning: str) -> None:
    assert warnings(MONDAY, profile(**values), days(), None) == (warning,)
    assert warnings(MONDAY, profile(**values), days(MIN_RECENT_DAYS - 1), None) == ()


def test_a_changed_file_that_has_lost_rows_is_a_warning() -> None:
    [warning] = warnings(MONDAY, profile(rows=1000), days(), 2000)
    assert warning == "1,000 rows, the delivery that it replaces had 2,000"
