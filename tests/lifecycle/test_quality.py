from datetime import date, timedelta

import pytest

import ledger
from declared import declared
from lifecycle.quality import blocked_days, held_days, held_findings

HELD = date(2024, 3, 20)
HORIZON = 3


def on(days: int) -> date:
    return HELD + timedelta(days=days)


@pytest.fixture(scope="module")
def model(parsed):
    """The shop's model, with a short horizon."""
    [found] = declared(parsed).models
    label = found.label.model_copy(update={"horizon_days": HORIZON})
    return found.model_copy(update={"label": label})


@pytest.fixture
def deliver(lake):
    """A function that adds a delivery of HELD."""

    def added(status: str, known_from: date, reason: str | None = None) -> None:
        row = {
            "table_name": "sales", "day": HELD, "status": status, "known_from": known_from,
            "reason": reason,
        }  # fmt: skip
        lake.transact(lambda connection: ledger.insert(connection, "deliveries", row))

    return added


def test_a_held_day_blocks_itself_and_every_day_whose_label_looks_at_it(
    lake, deliver, model
) -> None:
    deliver("held", HELD, "reject rate")
    assert blocked_days(lake, model) == {on(-n) for n in range(HORIZON + 1)}


@pytest.mark.parametrize(
    ("known", "blocked"),
    [
        (0, []),  # released before anything was computed of the day
        (1, [0, -3]),  # the label of the day -3 was computed without it, as of the day 0
        (2, [0, -2, -3]),
        (9, [0, -1, -2, -3]),
    ],
)
def test_a_day_that_is_released_or_repaired_later_stays_missing_before_that(
    lake, deliver, model, known: int, blocked: list[int]
) -> None:
    deliver("held", HELD, "reject rate")
    deliver("published", on(known))
    assert blocked_days(lake, model) == {on(n) for n in blocked}


def test_a_held_change_of_a_day_that_was_in_force_all_the_time_blocks_nothing(
    lake, deliver, model
) -> None:
    deliver("superseded", HELD)
    deliver("published", on(9), "reject rate")
    deliver("held", on(9), "the file is gone")
    assert held_days(lake) == []
    assert blocked_days(lake, model) == set()


def test_a_finding_tells_what_was_missing_on_its_day_whenever_it_is_asked(lake, deliver) -> None:
    deliver("published", on(5), "reject rate")
    found = [len(held_findings(lake, on(n), window_days=7)) for n in range(-1, 8)]
    assert found == [0, 1, 1, 1, 1, 1, 0, 0, 0]
    [finding] = held_findings(lake, HELD, window_days=7)
    assert finding.reason == "2024-03-20 is held: sales: reject rate"


def test_an_incident_ends_when_the_held_day_has_left_the_window(lake, deliver) -> None:
    deliver("held", HELD, "reject rate")
    assert [len(held_findings(lake, on(n), window_days=2)) for n in range(3)] == [1, 1, 0]
    assert held_findings(lake, on(1), window_days=1) == ()
