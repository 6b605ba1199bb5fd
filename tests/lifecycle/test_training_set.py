from datetime import date, timedelta
from itertools import pairwise

import pytest

import ledger
from errors import NoEvidenceError
from lifecycle import training_set
from lifecycle.quality import blocked_days
from ml.offers import counted


def build(world, as_of: date | None = None) -> dict:
    return training_set.build(world.lake, world.model, as_of or world.first_decision)


def test_a_manifest_names_days_rows_code_and_a_hash_for_each_day(fresh) -> None:
    found = build(fresh)
    horizon = timedelta(days=fresh.model.label.horizon_days)
    train = [date.fromisoformat(day) for day in found["train_days"]]
    test = [date.fromisoformat(day) for day in found["test_days"]]
    assert test == [fresh.first_decision - horizon - timedelta(days=n) for n in range(9, -1, -1)]
    assert train[-1] == test[0] - horizon
    assert {(b - a).days for a, b in pairwise(train)} == {3}
    inside = {day for day in (*train, *test) if day >= fresh.start}
    assert {date.fromisoformat(str(day)) for day in found["partitions"]} == inside
    rows = found["recipes"]["window"]["rows"]
    assert rows["train"] + rows["holdout"] == 800 * len(inside - {*test})
    assert rows["test"] == 8000
    assert found["dbt"] == {
        "customer_features": "made by customer_features",
        "customer_labels": "made by customer_labels",
    }
    assert found["champion"] is None


def test_a_refit_learns_up_to_the_last_matured_day_and_a_candidate_leaves_the_test(fresh) -> None:
    manifest, horizon = build(fresh), timedelta(days=fresh.model.label.horizon_days)
    candidate = training_set.learned_days(manifest, "window", "candidate")
    refit = training_set.learned_days(manifest, "window", "refit")
    assert [str(day) for day in candidate] == manifest["train_days"]
    assert refit[-1] == fresh.first_decision - horizon
    assert candidate[-1] < date.fromisoformat(manifest["test_days"][0])


def test_the_same_rows_give_the_same_manifest_and_other_rows_another(fresh) -> None:
    first = build(fresh)
    assert build(fresh)["id"] == first["id"]
    day = fresh.first_decision - timedelta(days=10)
    fresh.lake.transact(
        lambda c: c.execute(
            "update features.customer_features set visits = visits + 1 where as_of = ?", [day]
        )
    )
    other = build(fresh)
    changed = {d for d, h in first["partitions"].items() if other["partitions"][d] != h}
    assert other["id"] != first["id"]
    assert [str(d) for d in changed] == [str(day)]


def test_a_manifest_reads_the_rows_that_it_was_made_of_after_they_have_changed(fresh) -> None:
    manifest = build(fresh)
    fresh.lake.transact(lambda c: c.execute("delete from features.customer_features"))
    split = training_set.split_from(manifest, "window")
    parts, _ = training_set.rows_of(fresh.lake, fresh.model, manifest, split)
    assert counted(parts) == manifest["recipes"]["window"]["rows"]


def test_a_manifest_reads_the_rows_that_it_was_made_of_after_a_day_was_held(fresh) -> None:
    manifest = build(fresh)
    fresh.hold(fresh.first_decision - timedelta(days=8))
    split = training_set.split_from(manifest, "window")
    parts, _ = training_set.rows_of(fresh.lake, fresh.model, manifest, split)
    assert counted(parts) == manifest["recipes"]["window"]["rows"]


def test_days_whose_rows_or_labels_a_held_delivery_has_emptied_are_left_out(fresh) -> None:
    held = fresh.first_decision - timedelta(days=20)
    fresh.hold(held)
    blocked = {held - timedelta(days=n) for n in range(8)}
    assert blocked_days(fresh.lake, fresh.model) == blocked
    found = build(fresh)
    used = {date.fromisoformat(str(day)) for day in found["partitions"]}
    assert not used & blocked
    assert {date.fromisoformat(day) for day in found["blocked_days"]} <= blocked
    fresh.release(held)
    assert blocked_days(fresh.lake, fresh.model) == set()


def test_days_made_by_different_dbt_models_are_refused_with_their_spans(fresh) -> None:
    day = fresh.first_decision - timedelta(days=10)
    key = {"table_name": "customer_features", "day": day}
    ledger.put(
        fresh.lake, "partitions", key, {"rows": 800, "checksum": "another", "status": "passed"}
    )
    with pytest.raises(NoEvidenceError, match=rf"customer_features {day}..{day} by another"):
        build(fresh)


def test_too_few_matured_rows_are_refused_with_both_numbers(fresh) -> None:
    early = fresh.start + timedelta(days=30)
    with pytest.raises(
        NoEvidenceError, match=r"\d+ training rows have matured, .*min_rows is 4000"
    ):
        build(fresh, early)


def test_a_day_without_any_labelled_row_is_refused(fresh) -> None:
    with pytest.raises(NoEvidenceError, match="no labelled row"):
        build(fresh, fresh.start - timedelta(days=30))


def test_lane_and_reasons_are_those_of_the_day_s_decision(fresh) -> None:
    assert build(fresh)["reasons"] == ["started by hand"]
    fresh.decide(fresh.first_decision)
    found = build(fresh)
    assert (found["lane"], found["reasons"]) == ("normal", ["first model"])
