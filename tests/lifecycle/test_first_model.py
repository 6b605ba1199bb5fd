"""From the first decision to losses, once; then every step again, which must change nothing."""

from datetime import timedelta
from functools import partial

import numpy as np
import pytest

import ledger
from errors import NoEvidenceError
from examples import labelled
from lifecycle import candidate, evaluation, promotion, store, training_set
from ml import gate

ONE_DAY = timedelta(days=1)


def test_the_first_model_is_decided_judged_and_live_from_the_next_day(history) -> None:
    day, model, lake = history.first_decision, history.model, history.lake
    verdict = ledger.verdict_on(lake, model.name, day)
    assert ledger.decision_on(lake, model.name, day)["kind"] == "retrain"
    assert verdict["promoted"], verdict["reasons"]
    assert ledger.champion_on(lake, model.name, day) is None
    assert ledger.champion_on(lake, model.name, day + ONE_DAY) == verdict["version"]


def test_what_goes_live_is_a_refit_of_the_judged_candidate(history) -> None:
    kinds = history.lake.rows(
        "select kind, version, training_set from ledger.versions where as_of = $1 order by version",
        [history.first_decision],
    )
    verdict = ledger.verdict_on(history.lake, history.model.name, history.first_decision)
    assert [row["kind"] for row in kinds] == ["candidate", "refit"]
    assert [row["version"] for row in kinds] == [verdict["candidate"], verdict["version"]]
    assert len({row["training_set"] for row in kinds}) == 1


def test_a_promotion_is_said_once_and_mlflow_s_alias_follows(history) -> None:
    alerts = history.lake.rows("select message from ledger.alerts where kind = 'promotion'")
    tags = history.registry.client.get_model_version(
        history.model.name,
        str(ledger.champion_on(history.lake, history.model.name, history.last)),
    ).tags
    assert any("is live" in alert["message"] for alert in alerts)
    assert tags["kind"] == "refit"
    assert all(tags[name] for name in ("training_set", "snapshot", "commit"))


def test_days_before_the_first_champion_have_no_predictions(history) -> None:
    done = history.score(history.start, history.first_decision)
    assert (done.rows, done.days, done.skipped) == (0, 0, {})
    first = history.lake.rows("select min(as_of) as d from ml.repeat_purchase_predictions")[0]["d"]
    assert first == history.first_decision + ONE_DAY


def test_every_day_after_it_has_a_prediction_for_every_customer(history) -> None:
    found = history.lake.rows(
        """select count(*) as rows, count(distinct (customer_id, as_of)) as keys,
        min(prediction) as low, max(prediction) as high from ml.repeat_purchase_predictions"""
    )[0]
    days = (history.last - history.first_decision).days
    assert found["rows"] == found["keys"] == 800 * days
    assert 0 < found["low"] < found["high"] < 1


def test_a_day_s_loss_is_the_log_loss_of_its_matured_rows(history) -> None:
    day = history.first_decision + ONE_DAY
    rows = labelled(history.lake, history.model, [day])
    scored = "select * from ml.repeat_purchase_predictions where as_of = ? order by customer_id"
    scores = history.lake.read(scored, [day])["prediction"].to_numpy()
    y = rows["repurchased"].to_numpy()
    losses = -np.log(np.where(y == 1, scores, 1 - scores))
    kept = history.lake.rows("select * from ml.repeat_purchase_performance where as_of = ?", [day])
    assert kept[0]["rows"] == 800
    assert kept[0]["mean_loss"] == pytest.approx(losses.mean())
    assert kept[0]["sd_loss"] == pytest.approx(losses.std(ddof=1))


def test_days_whose_labels_have_not_matured_have_no_loss(history) -> None:
    newest = history.lake.rows("select max(as_of) as d from ml.repeat_purchase_performance")[0]["d"]
    assert newest == history.last - timedelta(days=history.model.label.horizon_days)
    assert history.measure(newest + ONE_DAY, history.last) == 0


def test_every_step_done_again_changes_nothing(history) -> None:
    before = history.contents()
    history.decide(history.first_decision)
    history.train(history.first_decision)
    history.live_through(history.first_decision + ONE_DAY, history.last)
    after = history.contents()
    for table in before:
        if table.endswith("_training_sets"):
            continue  # it names the newest snapshot, which every write moves on
        assert after[table] == before[table], table
    assert after.keys() == before.keys()


def test_a_candidate_without_a_training_set_is_refused(fresh) -> None:
    with pytest.raises(NoEvidenceError, match="no training_sets of"):
        candidate.train(fresh.lake, fresh.registry, fresh.model, fresh.first_decision, 1)


def test_an_evaluation_without_a_candidate_is_refused(fresh) -> None:
    training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    with pytest.raises(NoEvidenceError, match="no candidate of"):
        evaluation.evaluate(fresh.lake, fresh.registry, fresh.model, fresh.first_decision, 1)


def test_a_verdict_without_an_evaluation_is_refused(fresh) -> None:
    training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    with pytest.raises(NoEvidenceError, match="no evaluations of"):
        promotion.judge(fresh.lake, fresh.registry, fresh.model, fresh.first_decision, 1)
    assert fresh.lake.rows("select * from ledger.promotions") == []


def test_missing_evidence_promotes_nothing_and_says_what_is_missing(fresh) -> None:
    """Predictions that were lost between evaluation and verdict are not guessed."""
    day, lake, model = fresh.first_decision, fresh.lake, fresh.model
    training_set.build(lake, model, day)
    candidate.train(lake, fresh.registry, model, day, 1)
    evaluation.evaluate(lake, fresh.registry, model, day, 1)
    table = f"ml.{evaluation.kept_table(model)}"
    lake.transact(lambda c: c.execute(f"delete from {table} where model = 'candidate window'"))
    verdict = promotion.judge(lake, fresh.registry, model, day, 1)
    assert not verdict["promoted"]
    assert verdict["reasons"] == ["candidate window is there: 0 (limit 1)"]
    assert ledger.champion_on(lake, model.name, day + ONE_DAY) is None
    assert fresh.score(day + ONE_DAY, day + ONE_DAY).days == 0

    evaluation.evaluate(lake, fresh.registry, model, day, 1)
    lake.transact(lambda c: c.execute("delete from ledger.promotions"))
    strict = replace_min_rows(model, 10**6)
    refused = promotion.judge(lake, fresh.registry, strict, day, 1)
    assert not refused["promoted"]
    assert any("1e+06" in reason or "1000000" in reason for reason in refused["reasons"])


def replace_min_rows(model, rows: int):
    gate = model.gate.model_copy(update={"min_rows": rows})
    return model.model_copy(update={"gate": gate})


def test_documents_of_a_day_are_replaced_not_added(fresh) -> None:
    day = fresh.first_decision
    for n in (1, 2):
        store.keep(fresh.lake, fresh.model, "drift", day, {"n": n, "day": day})
    assert store.kept(fresh.lake, fresh.model, "drift", day) == {"n": 2, "day": str(day)}


def test_where_the_refit_is_another_model_the_judged_one_goes_live(
    make_world, shop_model, monkeypatch
) -> None:
    train = shop_model.train.model_copy(update={"estimator": "small"})
    model = shop_model.model_copy(update={"name": "judged_itself", "train": train})
    world = make_world(model=model)
    monkeypatch.setattr(gate, "refit_agrees", partial(gate.refit_agrees, limit=0.0))
    world.decide(world.first_decision)
    verdict = world.train(world.first_decision)
    assert verdict["promoted"], verdict["reasons"]
    assert verdict["version"] == verdict["candidate"]
    assert "goes live as it was judged" in verdict["reasons"][-1]
    first = world.first_decision + timedelta(days=1)
    world.live_through(first, first + timedelta(days=4))
    assert world.watch(first + timedelta(days=4)).version == verdict["version"]
