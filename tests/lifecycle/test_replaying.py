"""From the lake to a replay: the rows that models may use, and nothing of the model is changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assets.partitions import days_between
from errors import NoEvidenceError
from lifecycle.replaying import plan_of, world_of
from lifecycle.tested import failed_findings
from ml.replay.replay import run

ONE_DAY = timedelta(days=1)


def test_a_replay_of_the_lake_promotes_what_production_has_promoted(history) -> None:
    first, last = history.start, history.first_decision + 10 * ONE_DAY
    before = history.contents()
    world = world_of(history.lake, history.model, first, last)
    plan = plan_of(history.model, None, threads=1)
    found = run(world, plan, days_between(history.first_decision, last), "adaptive")
    assert history.contents() == before
    [training] = [t for t in found.trainings if t.deployed]
    assert (training.as_of, training.recipe) == (history.first_decision, "window")
    time = history.model.time
    kept = history.lake.rows(
        f"""select {time} as day, rows, mean_loss from ml.repeat_purchase_performance
        where {time} between ? and ? order by 1""",
        [history.first_decision + ONE_DAY, last],
    )
    assert [(day.day, day.rows) for day in found.days] == [(r["day"], r["rows"]) for r in kept]
    assert [day.loss for day in found.days] == pytest.approx([r["mean_loss"] for r in kept])


def test_days_that_no_model_may_use_are_left_out_and_said_to_be_broken(fresh) -> None:
    held = fresh.start + 20 * ONE_DAY
    fresh.hold(held)
    world = world_of(fresh.lake, fresh.model, fresh.start, fresh.start + 40 * ONE_DAY)
    assert held not in world.spans
    assert held in world.features
    [finding] = world.findings[held]
    assert "is held" in finding.reason


def test_a_day_whose_labels_failed_is_left_out_and_is_no_incident(fresh) -> None:
    labels, features = (fresh.start + n * ONE_DAY for n in (20, 25))
    for table, day in (("customer_labels", labels), ("customer_features", features)):
        fail(fresh, table, day)
    world = world_of(fresh.lake, fresh.model, fresh.start, fresh.start + 40 * ONE_DAY)
    assert not {labels, features} & set(world.spans)
    assert labels in world.features
    assert list(world.findings) == [features]
    as_of = features + ONE_DAY
    assert world.findings[features] == failed_findings(fresh.lake, fresh.model, as_of)


def fail(world, table: str, day) -> None:
    world.lake.transact(
        lambda c: c.execute(
            """update ledger.partitions set status = 'failed', failures = '{"not_null": 3}'
            where table_name = ? and day = ?""",
            [table, day],
        )
    )


def test_another_estimator_is_used_and_the_declared_one_stays(fresh) -> None:
    assert plan_of(fresh.model, "small", 1).estimator == "small"
    assert plan_of(fresh.model, None, 1) == replace(
        plan_of(fresh.model, "small", 1), estimator="tabular"
    )


def test_days_that_were_never_built_are_refused_with_what_to_do(fresh) -> None:
    late = fresh.last + 400 * ONE_DAY
    with pytest.raises(NoEvidenceError, match="materialize it"):
        world_of(fresh.lake, fresh.model, late, late + ONE_DAY)
