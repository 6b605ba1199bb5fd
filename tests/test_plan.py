from datetime import date, timedelta

import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from declared import declared
from plan import MOST_DAYS, MOST_ROWS, day_steps, model_steps, months, over, ranges, training

START, DAY = date(2024, 1, 1), date(2024, 5, 1)
HORIZON = timedelta(days=14)


def span(request) -> tuple[str, str]:
    if request.partition_key:
        return request.partition_key, request.partition_key
    tags = request.tags
    return tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG]


def test_one_day_is_a_partition_and_several_are_a_range() -> None:
    assert span(over("ingest", DAY, DAY)) == ("2024-05-01", "2024-05-01")
    several = over("ingest", DAY, DAY + timedelta(days=9), {"leeway/model": "m"})
    assert several.partition_key is None
    assert span(several) == ("2024-05-01", "2024-05-10")
    assert several.tags["leeway/model"] == "m"


def test_days_are_grouped_by_month_and_end_at_a_gap() -> None:
    days = [date(2023, 12, 30), date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 9)]
    assert list(months(days)) == [(days[0], days[1]), (days[2], days[2]), (days[3], days[3])]
    assert list(months([])) == []


def test_a_range_ends_where_its_rows_or_days_are_as_many_as_one_run_may_have() -> None:
    days = [DAY + timedelta(days=n) for n in range(5)]
    half = MOST_ROWS // 2
    rows = dict(zip(days, (half, half, half, MOST_ROWS + 1, half), strict=True))
    each = [(0, 1), (2, 2), (3, 3), (4, 4)]
    assert list(ranges(days, rows)) == [(days[a], days[b]) for a, b in each]
    assert list(ranges(days, {})) == [(days[0], days[-1])]
    assert list(ranges([], {})) == []
    long = [DAY + timedelta(days=n) for n in range(MOST_DAYS * 2)]
    assert list(ranges(long, {})) == [
        (long[0], long[MOST_DAYS - 1]), (long[MOST_DAYS], long[-1])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "days", "spans"),
    [
        (MOST_ROWS // 10 - 1, 1, 1),  # few rows: no start of a run is worth it
        (MOST_ROWS // 10, 1, 2),
        (0, MOST_DAYS // 10, 1),
        (0, MOST_DAYS // 10 + 1, 2),
    ],
)
def test_what_is_left_of_a_range_is_worked_off_with_it_where_it_is_little(
    rows: int, days: int, spans: int
) -> None:
    asked = [DAY + timedelta(days=n) for n in range(MOST_DAYS + days)]
    found = list(ranges(asked, {asked[0]: MOST_ROWS, asked[MOST_DAYS]: rows}))
    assert len(found) == spans
    assert (found[0][0], found[-1][1]) == (asked[0], asked[-1])


def test_a_range_has_no_day_that_was_not_asked_for() -> None:
    """A day that is built again is another build: what a person has accepted was the one before."""
    days = [DAY + timedelta(days=n) for n in (0, 1, 3, 200)]
    each = [(0, 1), (2, 2), (3, 3)]
    assert list(ranges(days, {})) == [(days[a], days[b]) for a, b in each]


def test_days_are_scored_then_measured_then_watched(parsed) -> None:
    """A horizon shorter than the stride matures days that are scored by this very decision."""
    [model] = declared(parsed).models
    steps = model_steps(model, DAY - timedelta(days=7), DAY, START, has_champion=True)
    assert [step.job_name for step in steps] == [
        "repeat_purchase_scoring", "repeat_purchase_maturing", "repeat_purchase_monitoring",
    ]  # fmt: skip
    assert span(steps[0]) == (str(DAY - timedelta(days=6)), str(DAY))
    assert span(steps[1]) == (str(DAY - timedelta(days=20)), str(DAY - HORIZON))
    assert span(steps[2]) == (str(DAY), str(DAY))


def test_labels_of_days_before_the_first_partition_are_not_asked_for(parsed) -> None:
    [model] = declared(parsed).models
    five, ten, two_weeks = (START + timedelta(days=n) for n in (4, 9, 16))
    early = model_steps(model, five, ten, START, has_champion=True)
    assert not [step for step in early if step.job_name == "repeat_purchase_maturing"]
    later = model_steps(model, ten, two_weeks, START, has_champion=True)
    assert span(later[1]) == (str(START), str(START + timedelta(days=2)))


def test_labels_that_are_built_are_only_measured(parsed) -> None:
    [model] = declared(parsed).models
    yesterday = DAY - timedelta(days=1)
    steps = model_steps(model, yesterday, DAY, START, has_champion=True, labels_are_built=True)
    assert steps[1].job_name == "repeat_purchase_measuring"


def test_before_the_first_champion_there_is_only_a_decision_to_make(parsed) -> None:
    [model] = declared(parsed).models
    steps = model_steps(model, DAY - timedelta(days=1), DAY, START, has_champion=False)
    jobs = [step.job_name for step in steps]
    assert jobs == ["repeat_purchase_maturing", "repeat_purchase_decision"]


def test_the_steps_of_a_day_have_keys_that_name_day_and_place(parsed) -> None:
    steps = day_steps(declared(parsed), DAY, START)
    assert [step.run_key for step in steps] == [f"2024-05-01:{n}" for n in range(len(steps))]
    assert steps[0].job_name == "daily"
    assert {step.tags["leeway/day"] for step in steps} == {"2024-05-01"}
    assert [step.tags["leeway/step"] for step in steps] == [str(n) for n in range(len(steps))]


def test_a_training_s_key_names_model_day_lane_and_attempt() -> None:
    request = training("m", DAY, "alarm", ["performance: worse", "features: x" * 100], 2)
    assert request.run_key == "m:2024-05-01:alarm:2"
    assert request.job_name == "m_training"
    assert request.tags["leeway/attempt"] == "2"
    assert request.tags["leeway/reason"].startswith("performance: worse; features")
    assert len(request.tags["leeway/reason"]) <= 400
