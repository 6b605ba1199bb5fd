"""What the ledger says is what a decision sees; nothing here trains a model."""

from datetime import date, timedelta

import pytest

import ledger
from errors import NoEvidenceError
from lifecycle import deciding, store, training_set
from lifecycle.checked import checks_of
from lifecycle.offered import declared, resting
from ml.cadence import Training
from ml.policy import Decision, Evidence, to_json
from ml.raised import change_point
from ml.recipes import NAMES

ONE_DAY = timedelta(days=1)


@pytest.fixture
def watched(fresh):
    """A champion of the world's features, and a decision day on which nothing is wrong."""
    put_version(fresh, 1, fresh.first_decision, "window", "refit")
    put_verdict(fresh, fresh.first_decision, version=1, promoted=True)
    row = {"version": 1, "action": "promoted", "by": "gate", "why": "first model"}
    key = {"model": fresh.model.name, "as_of": fresh.first_decision}
    ledger.put(fresh.lake, "champions", key, row)
    keep_watch(fresh, fresh.flip, version=1)
    return fresh


def keep_watch(world, day: date, version: int) -> None:
    found = {"version": version, "checks": [], "findings": []}
    store.keep(world.lake, world.model, "drift", day, found)


def put_version(
    world, version: int, day: date, recipe: str, kind: str, features: str | None = None
) -> None:
    key = {"model": world.model.name, "version": version}
    made = features or world.model.features_checksum
    row = {"as_of": day, "kind": kind, "recipe": recipe, "features": made}
    ledger.put(world.lake, "versions", key, row)


def put_verdict(world, day: date, version: int, promoted: bool) -> None:
    row = {"version": version, "candidate": version, "promoted": promoted}
    ledger.put(world.lake, "promotions", {"model": world.model.name, "as_of": day}, row)


def put_decision(world, day: date, *pending: str) -> None:
    made = Decision(day, "retrain", "normal", pending, pending, Evidence(day, 9000, True))
    row = {"kind": made.kind, "evidence": to_json(made)}
    ledger.put(world.lake, "decisions", {"model": world.model.name, "as_of": day}, row)


def roll_back(world, day: date, gone: int, back: int) -> None:
    row = {"version": back, "previous": gone, "action": "rolled back", "by": "rule", "why": "worse"}
    ledger.put(world.lake, "champions", {"model": world.model.name, "as_of": day}, row)


def put_check(
    world, day: date, name: str, since: date, severity: str = "ERROR", version: int = 1
) -> None:
    key = {"model": world.model.name, "as_of": day, "name": name}
    row = {
        "passed": False, "severity": severity, "since": since, "version": version,
        "reason": "worse", "statistic": 6.0, "threshold": 5.0,
    }  # fmt: skip
    ledger.put(world.lake, "checks", key, row)


def test_a_quiet_day_is_answered_with_nothing_and_a_due_challenger_with_a_training(watched) -> None:
    assert watched.decide(watched.flip).kind == "none"
    watched.lake.transact(lambda c: c.execute("delete from ledger.decisions"))
    weekly = watched.model.retrain.model_copy(update={"challenge_days": 7})
    watched.model = watched.model.model_copy(update={"retrain": weekly})
    made = watched.decide(watched.flip)
    days = (watched.flip - watched.first_decision).days
    assert (made.kind, made.reasons) == (
        "retrain",
        (f"schedule: {days} days since the last training",),
    )


def test_an_old_day_without_a_decision_gets_none_and_nobody_is_told(watched) -> None:
    newest, old = watched.flip, watched.flip - 2 * ONE_DAY
    watched.decide(newest)
    finding = {"name": "all null", "column": "spend", "reason": "null", "value": 1.0, "limit": 0.0}
    store.keep(
        watched.lake,
        watched.model,
        "drift",
        old,
        {"version": 1, "checks": [], "findings": [finding]},
    )
    before = watched.contents()
    weekly = watched.model.retrain.model_copy(update={"challenge_days": 7})
    watched.model = watched.model.model_copy(update={"retrain": weekly})
    made = watched.decide(old)
    assert (made.as_of, made.kind, made.pending) == (old, "none", ())
    assert made.reasons == (
        f"not decided: {newest} is, and what is backfilled before it decides nothing",
    )
    assert [each.name for each in made.evidence.incidents] == ["all null"]
    assert watched.contents() == before


def test_trainings_are_read_with_their_outcome_and_what_asked_for_them(watched) -> None:
    first, second, third = (watched.first_decision + n * ONE_DAY for n in (0, 10, 20))
    put_decision(watched, first, "first model")
    put_verdict(watched, second, 2, promoted=False)
    put_decision(watched, second, "performance: worse", "schedule: 10 days since the last training")
    put_verdict(watched, third, 3, promoted=False)
    assert deciding.trainings(watched.lake, watched.model, watched.flip) == (
        Training(first, promoted=True, alarm=False),
        Training(second, promoted=False, alarm=True),
        Training(third, promoted=False, alarm=False),  # started by hand
    )
    assert deciding.trainings(watched.lake, watched.model, third)[-1].as_of == second


def test_a_recipe_rests_from_the_day_of_the_rollback_and_is_not_offered(watched) -> None:
    lake, model, day = watched.lake, watched.model, watched.flip
    put_version(watched, 2, day - 9 * ONE_DAY, "recent", "refit")
    roll_back(watched, day, gone=2, back=1)
    until = day + timedelta(days=model.retrain.rest_days)
    assert resting(lake, model, day - ONE_DAY) == {}
    assert resting(lake, model, day) == {"recent": until}
    assert resting(lake, model, until - ONE_DAY) == {"recent": until}
    assert resting(lake, model, until) == {}
    train = model.train.model_copy(update={"recipes": ("window", "recent")})
    both = model.model_copy(update={"train": train})
    found = deciding.evidence(lake, both, day)
    assert (found.resting, [*found.learnable]) == ({"recent": until}, ["window", "recent"])


def test_the_change_point_is_the_loss_alarm_s_or_else_the_earliest(watched) -> None:
    lake, model, day = watched.lake, watched.model, watched.flip
    assert change_point(checks_of(lake, model, day)) is None
    put_check(watched, day, "features", day - 9 * ONE_DAY, severity="WARN")
    assert change_point(checks_of(lake, model, day)) is None
    put_check(watched, day, "features", day - 9 * ONE_DAY)
    put_check(watched, day, "prediction", day - 5 * ONE_DAY)
    assert change_point(checks_of(lake, model, day)) == day - 9 * ONE_DAY
    put_check(watched, day, "performance", day - 3 * ONE_DAY)
    assert change_point(checks_of(lake, model, day)) == day - 3 * ONE_DAY
    assert [r.since for r in declared(lake, model, day)] == [None, day - 3 * ONE_DAY]


def rebuild(world, first: date, checksum: str) -> None:
    world.lake.transact(
        lambda c: c.execute(
            """update ledger.partitions set checksum = ?
            where table_name = 'customer_features' and day >= ?""",
            [checksum, first],
        )
    )


def test_changed_features_are_a_reason_once_every_day_is_rebuilt_until_one_is_judged(
    watched,
) -> None:
    lake, day = watched.lake, watched.flip
    newer = watched.model.model_copy(update={"features_checksum": "other SQL"})
    assert deciding.features_changed(lake, watched.model, day) is None
    rebuild(watched, day - 9 * ONE_DAY, "other SQL")
    assert deciding.features_changed(lake, newer, day) is None
    rebuild(watched, watched.start, "other SQL")
    why = deciding.features_changed(lake, newer, day)
    assert why == "customer_features is made by other SQ, version 1 learned from made by "
    put_version(watched, 2, day - ONE_DAY, "window", "candidate", "other SQL")
    assert deciding.features_changed(lake, newer, day) == why  # nobody has judged it
    verdict = {"version": 2, "candidate": 2, "promoted": False, "reasons": "[]"}
    ledger.put(lake, "promotions", {"model": newer.name, "as_of": day - ONE_DAY}, verdict)
    assert deciding.features_changed(lake, newer, day) is None


def test_a_training_waits_while_its_days_are_of_two_versions(watched) -> None:
    lake, model, day = watched.lake, watched.model, watched.flip
    assert deciding.evidence(lake, model, day).mixed is None
    rebuild(watched, day - 9 * ONE_DAY, "other SQL")
    assert "by other SQ): a backfill is due" in str(deciding.evidence(lake, model, day).mixed)


def test_a_model_that_is_live_again_has_seen_no_more_than_when_it_was_made(watched) -> None:
    day = watched.flip
    before = deciding.unseen_days(watched.lake, watched.model, day, set())
    put_version(watched, 2, day - 9 * ONE_DAY, "window", "refit")
    assert deciding.unseen_days(watched.lake, watched.model, day, set()) == before


def test_in_the_alarm_lane_only_the_rows_that_it_leaves_for_training_count(watched) -> None:
    lake, model, day = watched.lake, watched.model, watched.flip
    calm = deciding.evidence(lake, model, day)
    put_check(watched, day, "performance", watched.first_decision + ONE_DAY)
    alarmed = deciding.evidence(lake, model, day)
    assert alarmed.matured_rows == max(alarmed.learnable.values())
    assert alarmed.learnable["window"] < 0.7 * calm.learnable["window"]
    train = model.train.model_copy(update={"min_rows": alarmed.matured_rows + 1})
    watched.model = model.model_copy(update={"train": train})
    made = watched.decide(day)
    assert (made.kind, made.lane) == ("wait", "alarm")
    assert made.pending == ("performance: worse",)


def test_what_would_teach_the_same_as_a_recipe_that_rests_rests_with_it(watched) -> None:
    day = watched.flip
    put_version(watched, 2, day - 9 * ONE_DAY, "window", "refit")
    roll_back(watched, day - ONE_DAY, gone=2, back=1)
    train = watched.model.train.model_copy(update={"recipes": NAMES, "window_days": 40})
    model = watched.model.model_copy(update={"train": train})
    assert [*deciding.evidence(watched.lake, model, day).learnable] == ["window"]
    with pytest.raises(NoEvidenceError, match="0 training rows have matured"):
        training_set.build(watched.lake, model, day)


def test_the_alarms_of_a_version_that_has_gone_back_ask_for_nothing(watched) -> None:
    day = watched.flip
    put_check(watched, day, "features", day - ONE_DAY, version=2)
    found = deciding.evidence(watched.lake, watched.model, day)
    assert (found.failed, change_point(checks_of(watched.lake, watched.model, day))) == ((), None)
    put_check(watched, day, "features", day - ONE_DAY)
    assert [c.name for c in deciding.evidence(watched.lake, watched.model, day).failed] == [
        "features"
    ]
