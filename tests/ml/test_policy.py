"""Decisions: rules by example, promises by property."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.cadence import Cadence, Training
from ml.incident import Finding
from ml.policy import (
    Decision,
    Evidence,
    FailedCheck,
    History,
    Previous,
    RetrainPolicy,
    decide,
    from_json,
    to_json,
)

DAY = date(2011, 6, 1)
RECIPES = ("window", "recent")
POLICY = RetrainPolicy(min_rows=100, cooldown_days=7)
LOSS = FailedCheck("performance", "ERROR", "mean loss 0.5, was 0.4", 6.0, 5.0)
DRIFT = FailedCheck("feature drift", "ERROR", "country moved", 3.0, 2.0)
ADVICE = FailedCheck("feature drift", "WARN", "advice only")
BROKEN = Finding("all null", "country", "country has no value in 9 rows", 1, 0)
ROWS = dict.fromkeys(RECIPES, 500)
CALM = Evidence(DAY, matured_rows=500, has_champion=True, learnable=ROWS)


def after(decision: Decision, trained: date | None = None, in_flight: bool = False) -> History:
    previous = Previous.of(decision)
    return History(previous, rejected(trained), in_flight)


def rejected(*days: date | None) -> tuple[Training, ...]:
    return tuple(Training(day, promoted=False, alarm=False) for day in days if day)


def later(evidence: Evidence, days: int) -> Evidence:
    return replace(evidence, as_of=evidence.as_of + timedelta(days))


def test_a_calm_day_asks_for_nothing() -> None:
    decision = decide(CALM, History(), POLICY)
    assert (decision.kind, decision.reasons, decision.lane) == ("none", (), "normal")


def test_the_first_model_is_trained_once_enough_rows_have_matured() -> None:
    none_yet = replace(CALM, has_champion=False)
    assert decide(none_yet, History(), POLICY).reasons == ("first model",)
    few = decide(replace(none_yet, matured_rows=99), History(), POLICY)
    assert (few.kind, few.reasons) == ("none", ("99 of 100 rows matured",))


def test_an_error_trains_and_a_warning_does_not() -> None:
    drifted = decide(replace(CALM, failed=(DRIFT,)), History(), POLICY)
    assert (drifted.kind, drifted.lane) == ("retrain", "normal")
    assert drifted.reasons == ("feature drift: country moved",)
    assert decide(replace(CALM, failed=(ADVICE,)), History(), POLICY).kind == "none"


def test_the_alarm_lane_stays_while_the_world_that_the_champion_was_let_in_for_is_new() -> None:
    new = replace(CALM, failed=(DRIFT,), new_since=CALM.as_of - timedelta(9))
    assert decide(new, History(), POLICY).lane == "alarm"
    assert from_json(to_json(decide(new, History(), POLICY))).evidence.new_since == new.new_since


def test_the_loss_alarm_takes_the_alarm_lane() -> None:
    assert decide(replace(CALM, failed=(DRIFT, LOSS)), History(), POLICY).lane == "alarm"
    advice = replace(LOSS, severity="WARN")
    assert decide(replace(CALM, failed=(DRIFT, advice)), History(), POLICY).lane == "normal"


def test_a_cooldown_defers_an_alarm_that_has_gone_since() -> None:
    trained = DAY - timedelta(3)
    waiting = decide(replace(CALM, failed=(DRIFT,)), History(trainings=rejected(trained)), POLICY)
    assert waiting.kind == "wait"
    assert waiting.reasons == ("cooldown: 3 of 7 days since the training",)
    decision = decide(later(CALM, 4), after(waiting, trained), POLICY)
    assert (decision.kind, decision.reasons) == ("retrain", ("feature drift: country moved",))


def test_an_alarm_that_outlives_a_rejected_candidate_trains_again_after_the_cooldown() -> None:
    alarm = replace(CALM, failed=(LOSS,))
    first = decide(alarm, History(), POLICY)
    second = decide(later(alarm, 1), after(first, trained=DAY), POLICY)
    third = decide(later(alarm, 7), after(second, trained=DAY), POLICY)
    assert [first.kind, second.kind, third.kind] == ["retrain", "wait", "retrain"]


def test_a_training_that_never_started_is_asked_for_again() -> None:
    asked = decide(replace(CALM, failed=(DRIFT,)), History(), POLICY)
    assert decide(later(CALM, 1), after(asked), POLICY).kind == "retrain"


def test_a_training_in_flight_is_waited_for_and_answers_what_asked_for_it() -> None:
    asked = decide(replace(CALM, failed=(DRIFT,)), History(), POLICY)
    calm = decide(later(CALM, 1), after(asked, in_flight=True), POLICY)
    assert (calm.kind, calm.pending) == ("wait", asked.pending)
    answered = decide(later(CALM, 2), after(calm, trained=DAY), POLICY)
    assert (answered.kind, answered.pending) == ("none", ())
    worse = replace(later(CALM, 1), failed=(LOSS,))
    waiting = decide(worse, after(asked, in_flight=True), POLICY)
    assert (waiting.kind, waiting.reasons) == ("wait", ("a training is in flight",))


def test_what_comes_up_while_a_training_is_in_flight_is_not_answered_by_it() -> None:
    asked = decide(replace(CALM, failed=(DRIFT,)), History(), POLICY)
    both = replace(later(CALM, 1), failed=(LOSS,))
    going = decide(both, after(asked, in_flight=True), POLICY)
    calm = decide(later(CALM, 2), after(going, trained=DAY), POLICY)
    assert (calm.kind, len(calm.pending)) == ("wait", 1)
    due = decide(later(CALM, 8), after(calm, trained=DAY), POLICY)
    assert (due.kind, due.reasons) == ("retrain", ("performance: mean loss 0.5, was 0.4",))


def test_a_training_that_fails_after_days_in_flight_is_asked_for_again() -> None:
    asked = decide(replace(CALM, failed=(DRIFT,)), History(), POLICY)
    going = decide(later(CALM, 1), after(asked, in_flight=True), POLICY)
    still = decide(later(CALM, 2), after(going, in_flight=True), POLICY)
    failed = decide(later(CALM, 3), after(still), POLICY)
    assert (failed.kind, failed.reasons) == ("retrain", asked.pending)


def test_an_incident_blocks_training_and_keeps_the_reasons() -> None:
    held = decide(replace(CALM, failed=(DRIFT,), incidents=(BROKEN, BROKEN)), History(), POLICY)
    assert (held.kind, held.reasons) == ("incident", ("all null: country has no value in 9 rows",))
    assert decide(later(CALM, 1), after(held), POLICY).kind == "retrain"


def test_an_error_without_enough_rows_waits_for_them() -> None:
    decision = decide(replace(CALM, failed=(DRIFT,), matured_rows=5), History(), POLICY)
    assert (decision.kind, decision.reasons) == ("wait", ("5 of 100 rows matured",))


def test_a_persisting_check_stays_one_reason_in_its_newest_words() -> None:
    trained = DAY - timedelta(1)
    first = decide(
        replace(CALM, failed=(LOSS, DRIFT)), History(trainings=rejected(trained)), POLICY
    )
    newer = replace(later(CALM, 1), failed=(replace(LOSS, reason="mean loss 0.6"),))
    second = decide(newer, after(first, trained), POLICY)
    assert second.pending == ("performance: mean loss 0.6", "feature drift: country moved")


def test_a_first_model_is_no_reason_once_there_is_a_champion() -> None:
    asked = decide(replace(CALM, has_champion=False), History(), POLICY)
    assert decide(later(CALM, 1), after(asked), POLICY).kind == "none"


def test_history_from_the_decision_day_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="before the decision day"):
        decide(CALM, History(Previous(DAY, "none")), POLICY)


def test_a_training_of_a_later_day_starts_nothing_on_an_old_one() -> None:
    history = History(trainings=rejected(DAY + timedelta(30)))
    assert decide(replace(CALM, failed=(DRIFT,)), history, POLICY).kind == "wait"


CHECKS = st.lists(st.sampled_from([LOSS, DRIFT, ADVICE]), max_size=3).map(tuple)
TRAINING = st.builds(
    Training,
    as_of=st.dates(DAY - timedelta(60), DAY - timedelta(1)),
    promoted=st.booleans(),
    alarm=st.booleans(),
)
EVIDENCE = st.builds(
    Evidence,
    as_of=st.just(DAY),
    matured_rows=st.integers(0, 200),
    has_champion=st.booleans(),
    failed=CHECKS,
    incidents=st.sampled_from([(), (), (BROKEN,)]),
    unseen_days=st.integers(0, 30),
    features_changed=st.none() | st.just("by 1f0c9a3e"),
    resting=st.dictionaries(st.sampled_from(RECIPES), st.just(DAY + timedelta(9))),
    learnable=st.just(ROWS),
)
HISTORY = st.builds(
    History,
    previous=st.none()
    | st.builds(
        Previous,
        as_of=st.dates(DAY - timedelta(20), DAY - timedelta(1)),
        kind=st.sampled_from(["incident", "retrain", "wait", "none"]),
        pending=st.sets(st.sampled_from(["performance: old", "schedule: 7 days"])).map(tuple),
    ),
    trainings=st.lists(TRAINING, max_size=10, unique_by=lambda t: t.as_of).map(
        lambda found: tuple(sorted(found, key=lambda t: t.as_of))
    ),
    in_flight=st.booleans(),
)


@given(EVIDENCE, HISTORY)
def test_the_same_evidence_gives_the_same_decision_and_it_can_be_written(
    evidence: Evidence, history: History
) -> None:
    decision = decide(evidence, history, POLICY)
    assert decision == decide(evidence, history, POLICY) == from_json(to_json(decision))


@given(EVIDENCE, HISTORY)
def test_training_starts_only_where_nothing_forbids_it(
    evidence: Evidence, history: History
) -> None:
    if decide(evidence, history, POLICY).kind == "retrain":
        assert not evidence.incidents
        assert not history.in_flight
        assert evidence.matured_rows >= POLICY.min_rows
        last = history.last_training
        rested = last is None or (DAY - last).days >= 7
        assert rested or evidence.features_changed  # asked once for each change of the SQL
        month = [t for t in history.trainings if (DAY - t.as_of).days < POLICY.budget_days]
        assert len(month) < POLICY.budget
        assert set(evidence.resting) < set(RECIPES)


@given(EVIDENCE, HISTORY)
def test_an_error_is_never_answered_with_nothing(evidence: Evidence, history: History) -> None:
    decision = decide(evidence, history, POLICY)
    errors = {check.name for check in evidence.failed if check.severity == "ERROR"}
    assert errors <= {reason.split(":")[0] for reason in decision.pending}
    assert not (decision.pending and decision.kind == "none")
    assert len(decision.pending) == len({reason.split(":")[0] for reason in decision.pending})


@settings(max_examples=200)
@given(st.lists(st.tuples(CHECKS, st.booleans(), st.integers(0, 4)), min_size=1, max_size=40))
def test_every_error_of_a_stream_is_followed_by_a_training(
    stream: list[tuple[tuple[FailedCheck, ...], bool, int]],
) -> None:
    """A training lasts some days (0: until the next decision), or fails (4: after three).

    A check that goes on failing while its training is in flight is answered by it.
    """
    history, unanswered, going, answering = History(), set[str](), None, set[str]()
    quiet: list[tuple[tuple[FailedCheck, ...], bool, int]] = [((), False, 0)] * 24
    for days, (failed, broken, lasts) in enumerate([*stream, *quiet], start=1):
        incidents = (BROKEN,) if broken else ()
        evidence = replace(later(CALM, days), failed=failed, incidents=incidents)
        trainings = history.trainings
        if going and days > going[0]:
            _, asked, fails = going
            going, trainings = None, trainings if fails else (*trainings, *rejected(asked))
            answering = set()
        running = replace(history, trainings=trainings, in_flight=going is not None)
        decision = decide(evidence, running, POLICY)
        unanswered |= {check.name for check in failed if check.severity == "ERROR"} - answering
        if decision.kind == "retrain":
            going = (days + min(lasts, 3), evidence.as_of, lasts == 4)
            if lasts < 4:
                unanswered, answering = set(), {r.split(":")[0] for r in decision.pending}
        history = replace(after(decision), trainings=trainings)
    assert unanswered == set()


def test_a_champion_that_has_learned_from_the_matured_days_waits_for_unseen_ones() -> None:
    policy = replace(POLICY, min_unseen_days=7)
    alarmed = replace(CALM, failed=(DRIFT,), unseen_days=6)
    waiting = decide(alarmed, History(), policy)
    assert (waiting.kind, waiting.pending) == ("wait", ("feature drift: country moved",))
    assert "6 of 7 days have matured" in waiting.reasons[0]
    assert (
        decide(replace(later(alarmed, 1), unseen_days=7), after(waiting), policy).kind == "retrain"
    )


def trained(*outcomes: str, days_ago: int = 7) -> tuple[Training, ...]:
    """Trainings that ended so many days ago, one a day; `alarm` stands for a rejected one."""
    last = DAY - timedelta(days_ago)
    return tuple(
        Training(last - timedelta(len(outcomes) - 1 - n), what == "promoted", what == "alarm")
        for n, what in enumerate(outcomes)
    )


@pytest.mark.parametrize(
    ("outcomes", "days"),
    [
        (["promoted"], 7),
        (["rejected"], 14),
        (["promoted", "rejected", "rejected"], 28),
        (["rejected"] * 3, 56),
        (["rejected"] * 9, 56),
        (["rejected"] * 3 + ["alarm"], 14),
        (["rejected", "alarm", "rejected"], 28),
        (["alarm", "promoted"], 7),
    ],
)
def test_challengers_back_off_by_rejections_and_start_over_by_promotion_or_alarm(
    outcomes: list[str], days: int
) -> None:
    assert Cadence().days(trained(*outcomes)) == days
    day_before = decide(CALM, History(trainings=trained(*outcomes, days_ago=days - 1)), POLICY)
    assert day_before.kind == "none"
    due = decide(CALM, History(trainings=trained(*outcomes, days_ago=days)), POLICY)
    assert (due.kind, due.lane) == ("retrain", "normal")
    assert due.reasons == (f"schedule: {days} days since the last training",)


def test_a_challenger_comes_only_when_it_can_be_judged_and_is_not_carried() -> None:
    policy = replace(POLICY, min_unseen_days=7)
    history = History(trainings=trained("promoted", days_ago=9))
    assert decide(replace(CALM, unseen_days=6), history, policy).kind == "none"
    assert decide(replace(CALM, unseen_days=7, matured_rows=1), history, policy).kind == "none"
    assert decide(CALM, replace(history, in_flight=True), POLICY).kind == "none"
    blocked = decide(replace(CALM, incidents=(BROKEN,)), history, POLICY)
    assert blocked.pending == ("schedule: 9 days since the last training",)
    next_day = replace(after(blocked), trainings=history.trainings)
    assert decide(later(CALM, 1), next_day, policy).pending == ()


def test_a_spent_budget_defers_even_an_alarm_and_never_drops_it() -> None:
    policy = replace(POLICY, cooldown_days=1, budget=3)
    history = History(trainings=rejected(*(DAY - timedelta(n) for n in (27, 14, 7))))
    waiting = decide(replace(CALM, failed=(LOSS,)), history, policy)
    assert waiting.kind == "wait"
    assert waiting.reasons == ("budget: 3 of 3 trainings in 28 days",)
    freed = replace(after(waiting), trainings=history.trainings)
    decision = decide(later(CALM, 1), freed, policy)
    assert (decision.kind, decision.reasons) == (
        "retrain",
        ("performance: mean loss 0.5, was 0.4",),
    )


def test_changed_features_ask_for_a_training_until_they_have_been_trained_on() -> None:
    changed = replace(CALM, features_changed="customer_features is by 1f0c9a3e")
    asked = decide(changed, History(), POLICY)
    assert asked.reasons == ("features changed: customer_features is by 1f0c9a3e",)
    assert decide(later(CALM, 1), after(asked), POLICY).pending == ()


def test_a_resting_recipe_is_named_and_where_all_rest_nothing_is_trained() -> None:
    until = DAY + timedelta(9)
    drifted = replace(CALM, failed=(DRIFT,), resting={"recent": until})
    assert decide(drifted, History(), POLICY).reasons[-1] == f"recipe recent rests until {until}"
    both = replace(drifted, resting={"recent": until, "window": until + timedelta(1)})
    waiting = decide(both, History(), POLICY)
    assert (waiting.kind, waiting.pending) == ("wait", ("feature drift: country moved",))
    assert waiting.reasons == (f"every recipe rests, the first until {until}",)


@given(EVIDENCE, HISTORY)
def test_no_training_is_decided_without_evidence_for_it(
    evidence: Evidence, history: History
) -> None:
    decision = decide(evidence, history, POLICY)
    if decision.kind != "retrain":
        return
    asked = {reason.split(":")[0] for reason in decision.pending}
    errors = {check.name for check in evidence.failed if check.severity == "ERROR"}
    deferred = {r.split(":")[0] for r in history.previous.pending} if history.previous else set()
    assert asked
    assert asked <= errors | deferred | {"first model", "features changed", "schedule"}
    assert "features changed" not in asked or evidence.features_changed
    assert "schedule" not in asked or history.trainings
    assert "first model" not in asked or not evidence.has_champion
