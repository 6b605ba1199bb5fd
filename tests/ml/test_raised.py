"""What failed checks say to a decision, and since when the world is new."""

from datetime import date, timedelta

from ml.raised import change_point, new_since
from ml.splits import Windows
from ml.watching import Check

T = date(2024, 6, 1)
WINDOWS = Windows(horizon_days=7, test_days=14)
LOSS = Check("performance", False, "ERROR", 9.0, 5.0, "worse", T - timedelta(9))
DRIFT = Check("features", False, "ERROR", 9.0, 5.0, "moved", T - timedelta(30))
CALM = Check("performance", True, "ERROR", 0.0, 5.0, "as before")


def test_the_loss_alarm_says_since_when_the_world_is_new() -> None:
    assert new_since((DRIFT, LOSS), None, T, WINDOWS) == LOSS.since
    assert new_since((LOSS,), T - timedelta(20), T, WINDOWS) == LOSS.since
    assert new_since((DRIFT, CALM), None, T, WINDOWS) is None


def test_a_world_that_the_champion_was_let_in_for_stays_new_for_a_while() -> None:
    assert new_since((CALM,), T - timedelta(53), T, WINDOWS) == T - timedelta(53)
    assert new_since((CALM,), T - timedelta(54), T, WINDOWS) is None


def test_the_change_point_is_the_loss_alarms_where_it_is_up() -> None:
    assert change_point((DRIFT, LOSS)) == LOSS.since
    assert change_point((DRIFT, CALM)) == DRIFT.since
    assert change_point((CALM,)) is None
