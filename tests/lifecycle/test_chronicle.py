"""What was live on a day, and why: everything that `leeway ledger` tells."""

from datetime import date, timedelta

import pytest
from rich.console import Console

import ledger
from chronicle import history as events_of
from chronicle import live_on
from errors import NoEvidenceError
from shown_models import show_history, show_live

ONE_DAY = timedelta(days=1)


def told(draw, *arguments) -> str:
    """What a terminal shows, in one line."""
    screen = Console(width=250, record=True)
    draw(screen, *arguments)
    return " ".join(screen.export_text().split())


def test_a_day_names_version_training_verdict_decision_and_loss(history) -> None:
    world = history
    day = world.first_decision + ONE_DAY
    found = live_on(world.lake, world.registry, world.model, day)
    assert found.version == ledger.champion_on(world.lake, world.model.name, day)
    assert (found.live_from, found.action, found.by) == (day, "promoted", "gate")
    assert (found.previous, found.trial_until) == (None, None)
    assert found.training.last_day == world.first_decision - 7 * ONE_DAY
    assert found.training.rows["train"] > 4000
    assert found.verdict.reasons
    assert "lower bound over base_rate" in {check["name"] for check in found.verdict.checks}
    assert (found.decision.kind, found.decision.reasons) == ("retrain", ["first model"])
    assert found.decision.evidence["matured_rows"] > 4000
    assert (found.served.rows, found.served.version) == (800, found.version)
    [loss] = world.lake.rows(
        f"select mean_loss from ml.repeat_purchase_performance where as_of = '{day}'"
    )
    assert found.served.mean_loss == loss["mean_loss"]


def test_a_day_without_labels_says_when_they_mature(history) -> None:
    world = history
    found = live_on(world.lake, world.registry, world.model, world.last)
    assert found.served.mean_loss is None
    assert f"mature on {world.last + 7 * ONE_DAY}" in told(show_live, found)


def test_the_day_on_a_terminal_has_the_gate_s_numbers(history) -> None:
    world = history
    day = world.first_decision + ONE_DAY
    shown = told(show_live, live_on(world.lake, world.registry, world.model, day))
    for word in (
        "first model",
        "gain over base_rate",
        "800 by version",
        "rows matured",
        "snapshot",
    ):
        assert word in shown, word


def test_a_day_before_the_first_champion_names_the_first_that_has_one(history) -> None:
    world = history
    first = world.first_decision + ONE_DAY
    with pytest.raises(NoEvidenceError, match=f"its first is live from {first}"):
        live_on(world.lake, world.registry, world.model, world.first_decision)


def test_a_model_that_was_never_live_says_so(lake, registry, shop_model) -> None:
    with pytest.raises(NoEvidenceError, match="has never had a champion"):
        live_on(lake, registry, shop_model, date(2024, 5, 1))
    assert "nothing yet" in told(show_history, shop_model.name, events_of(lake, shop_model.name))


def test_the_history_has_decision_verdict_and_champion_in_order(history) -> None:
    world = history
    found = events_of(world.lake, world.model.name)[:3]
    assert [(e.what, e.outcome) for e in found] == [
        ("decision", "retrain"),
        ("gate", "promoted"),
        ("champion", "promoted by gate"),
    ]
    assert {event.as_of for event in found} == {world.first_decision}
    assert "promoted by gate" in told(show_history, world.model.name, found)
