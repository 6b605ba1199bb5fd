from datetime import date, timedelta

import pytest

import ledger
from ingestion.clock import Clock, horizons_of, read_clock

DAY = date(2024, 3, 10)


def days_on(count: int) -> date:
    return DAY + timedelta(days=count)


@pytest.mark.parametrize(
    ("about", "day", "clock", "known_from"),
    [
        ("the first delivery of all", 0, Clock(None, None), 0),
        ("a new day", 1, Clock(DAY, DAY), 1),
        ("a changed day before the frontier", -3, Clock(DAY, None, {days_on(-3)}), 0),
        ("a changed day whose frontier was built", -3, Clock(DAY, DAY, {days_on(-3)}), 1),
        ("a changed day while labels look ahead", -3, Clock(DAY, days_on(4), {days_on(-3)}), 5),
        ("a changed frontier day, not built yet", 0, Clock(DAY, days_on(-1), {DAY}), 0),
        ("a gap that nothing has looked at", -3, Clock(DAY, days_on(-5)), -3),
        ("a gap that features were built over", -3, Clock(DAY, days_on(-2)), -1),
    ],
)
def test_a_delivery_never_counts_as_of_a_day_that_was_computed(
    about: str, day: int, clock: Clock, known_from: int
) -> None:
    assert clock.known_from(days_on(day)) == days_on(known_from), about


def test_the_clock_is_the_table_s_frontier_and_the_newest_day_that_was_read(lake) -> None:
    def fill(connection) -> Clock:
        for table, day in (("sales", DAY), ("sales", days_on(-1)), ("visits", days_on(9))):
            ledger.insert(connection, "deliveries", {"table_name": table, "day": day})
        for table, day in (("features", days_on(-1)), ("labels", days_on(-7))):
            ledger.insert(connection, "partitions", {"table_name": table, "day": day})
        return read_clock(connection, "sales", [DAY, days_on(-5)], {"labels": 14})

    assert lake.transact(fill) == Clock(DAY, days_on(7), {DAY})


def test_horizons_are_those_of_the_dbt_models(parsed) -> None:
    assert horizons_of(parsed) == {"customer_labels": 14}


def test_a_repaired_file_leaves_a_day_that_failed_as_it_is(lake) -> None:
    """Built again, the day reads the delivery that failed: only other SQL or rules repair it."""

    def repair(connection) -> Clock:
        ledger.insert(connection, "deliveries", {"table_name": "sales", "day": DAY})
        failed = {"table_name": "features", "day": DAY, "status": "failed"}
        ledger.insert(connection, "partitions", failed)
        return read_clock(connection, "sales", [DAY], {})

    assert lake.transact(repair).known_from(DAY) == days_on(1)
