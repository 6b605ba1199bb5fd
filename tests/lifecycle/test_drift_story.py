"""The world's rule turns around: calm, an incident, the alarm, a training, a new champion."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

import ledger
from errors import NoEvidenceError
from lifecycle import evaluation, promotion, store, training_set
from lifecycle.monitoring import Watch
from ml import gate
from ml.evidence import Learned
from ml.policy import Decision

ONE_DAY = timedelta(days=1)


@dataclass
class Story:
    """What was found and decided, in the order in which it happened."""

    world: Any
    calm: tuple[Watch, Decision]
    incident: tuple[Watch, Decision]
    alarm: tuple[Watch, Decision]
    verdict: dict


@pytest.fixture(scope="module")
def story(history) -> Story:
    def day(as_of: date) -> tuple[Watch, Decision]:
        return history.watch(as_of), history.decide(as_of)

    calm = day(history.flip - ONE_DAY)
    history.hold(history.last - 8 * ONE_DAY)
    incident = day(history.last - 7 * ONE_DAY)
    history.release(history.last - 8 * ONE_DAY)
    alarm = day(history.last)
    return Story(history, calm, incident, alarm, history.train(history.last))


def check(watch: Watch, name: str):
    return next(check for check in watch.checks if check.name == name)


def test_before_the_turn_nothing_is_wrong_and_nothing_is_done(story) -> None:
    watch, decision = story.calm
    assert [c.name for c in watch.checks if not c.passed and c.severity == "ERROR"] == []
    assert watch.findings == ()
    assert decision.lane == "normal"
    assert decision.kind == "none", decision.reasons


def test_a_held_day_is_an_incident_that_blocks_training_and_alerts(story) -> None:
    watch, decision = story.incident
    assert not check(watch, "incidents").passed
    assert decision.kind == "incident"
    assert any("is held" in reason for reason in decision.reasons)
    alerts = story.world.lake.rows("select kind from ledger.alerts where day = ?", [decision.as_of])
    assert {"kind": "incident"} in alerts


def test_after_the_turn_the_loss_alarm_asks_for_a_training_in_its_lane(story) -> None:
    watch, decision = story.alarm
    performance = check(watch, "performance")
    assert (performance.passed, performance.severity) == (False, "ERROR")
    assert performance.statistic > performance.threshold
    assert (decision.kind, decision.lane) == ("retrain", "alarm")
    assert any(reason.startswith("performance") for reason in decision.reasons)


def test_the_alarm_is_kept_as_rows_that_status_shows(story) -> None:
    alarms = ledger.alarms(story.world.lake, story.world.model.name)
    assert [alarm["name"] for alarm in alarms] == ["performance"]
    assert alarms[0]["as_of"] == story.world.last


def test_the_training_that_it_asks_for_is_promoted_and_live_from_the_next_day(story) -> None:
    world, name = story.world, story.world.model.name
    old = ledger.champion_on(world.lake, name, world.last)
    assert story.verdict["promoted"], story.verdict["reasons"]
    assert story.verdict["lane"] == "alarm"
    assert ledger.champion_on(world.lake, name, world.last + ONE_DAY) == story.verdict["version"]
    assert old != story.verdict["version"]
    alias = world.registry.client.get_model_version_by_alias(name, "champion")
    assert int(alias.version) == story.verdict["version"]


def test_the_day_trains_a_recipe_from_the_change_on_beside_the_whole_window(story) -> None:
    world = story.world
    rows = world.lake.rows(
        "select kind, recipe, version from ledger.versions where as_of = ? order by version",
        [world.last],
    )
    kinds = [(row["kind"], row["recipe"]) for row in rows]
    assert kinds == [("candidate", "window"), ("candidate", "change"), ("refit", "change")]
    assert [row["version"] for row in rows[1:]] == [
        story.verdict["candidate"], story.verdict["version"],
    ]  # fmt: skip
    assert story.verdict["reasons"][0].startswith("recipe change: log loss")


def test_the_gate_was_told_what_each_model_had_learned_from(story) -> None:
    world = story.world
    manifest = store.kept(world.lake, world.model, training_set.WHAT, world.last)
    document = store.kept(world.lake, world.model, evaluation.WHAT, world.last)
    shown = promotion.evidence(world.lake, world.model, manifest, document)
    assert shown.champion is not None
    assert shown.champion.learned == Learned(world.first_decision)
    for scored in shown.candidates.values():
        assert scored is not None
        assert scored.learned is not None
        assert scored.learned.until == world.last
        assert 300 < len(scored.learned.entities or ()) < 500
    early = replace(shown, as_of=shown.as_of - ONE_DAY)
    assert not gate.decide(early, gate.GatePolicy()).promote
    greedy = {r: replace(s, learned=Learned(world.last)) for r, s in shown.candidates.items() if s}
    assert not gate.decide(replace(shown, candidates=greedy), gate.GatePolicy()).promote


def test_the_old_champion_still_answers_for_its_own_days(story) -> None:
    world = story.world
    before = world.contents()["ml.repeat_purchase_predictions"]
    world.score(world.last - 5 * ONE_DAY, world.last)
    assert world.contents()["ml.repeat_purchase_predictions"] == before


def test_what_the_champion_before_has_predicted_is_not_held_against_the_new_one(story) -> None:
    watch = story.world.watch(story.world.last + ONE_DAY)
    assert watch.version == story.verdict["version"]
    assert "prediction" not in {column.column for column in watch.columns}
    assert watch.columns


def test_watching_and_deciding_again_changes_nothing(story) -> None:
    world = story.world
    before = world.contents()
    assert world.watch(world.last).checks == story.alarm[0].checks
    assert world.decide(world.last) == story.alarm[1]
    after = world.contents()
    for table in before:
        if not table.endswith("_drift"):  # it keeps the address of the newest report
            assert after[table] == before[table], table


def test_a_backfilled_old_day_keeps_the_decision_that_it_has(story) -> None:
    world = story.world
    day = world.flip - ONE_DAY
    world.hold(day)
    again = world.decide(day)
    world.release(day)
    assert again == story.calm[1]


def test_a_day_without_a_champion_cannot_be_watched(story) -> None:
    with pytest.raises(NoEvidenceError, match="no champion on"):
        story.world.watch(story.world.first_decision)


def test_a_champion_that_was_not_watched_cannot_be_decided_about(story) -> None:
    world = story.world
    with pytest.raises(NoEvidenceError, match="no drift of"):
        world.decide(world.last + 2 * ONE_DAY)
