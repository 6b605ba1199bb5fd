"""A day whose features fail their tests, or were made by other code: who leaves it out, and how."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pyarrow as pa
import pytest

import ledger
from errors import NoEvidenceError, UnsoundRowsError
from lifecycle import calibration, predictions, training_set
from lifecycle.losses import losses
from lifecycle.tested import failed_findings, unfit_days

ONE_DAY = timedelta(days=1)
FEATURES, LABELS = "customer_features", "customer_labels"


def mark(world, table: str, day: date, status: str, checksum: str = "") -> None:
    """Say what dbt would have said of a partition."""
    row = {
        "rows": 800,
        "checksum": checksum or f"made by {table}",
        "status": status,
        "failures": json.dumps({"in_range_visits": 3}) if status == "failed" else None,
    }
    ledger.put(world.lake, "partitions", {"table_name": table, "day": day}, row)


@contextmanager
def marked(world, days: list[date], status: str, checksum: str = "") -> Iterator[None]:
    """Features of `days` in another state, as they were afterwards."""
    for day in days:
        mark(world, FEATURES, day, status, checksum)
    try:
        yield
    finally:
        for day in days:
            mark(world, FEATURES, day, "passed")


@pytest.mark.parametrize(
    ("table", "status", "why"),
    [
        (FEATURES, "failed", "customer_features failed in_range_visits (3 rows)"),
        (LABELS, "failed", "customer_labels failed in_range_visits (3 rows)"),
        (FEATURES, "built", "customer_features was built and not tested"),
    ],
)
def test_training_leaves_a_day_out_that_has_not_passed_and_names_it(
    fresh, table: str, status: str, why: str
) -> None:
    all_days = training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    day = date.fromisoformat(all_days["test_days"][3])
    mark(fresh, table, day, status)

    found = training_set.build(fresh.lake, fresh.model, fresh.first_decision)

    assert found["unfit_days"] == {str(day): why}
    assert set(all_days["partitions"]) - set(found["partitions"]) == {str(day)}
    rows, fewer = (made["recipes"]["window"]["rows"] for made in (all_days, found))
    assert fewer["test"] == rows["test"] - 800
    mark(fresh, table, day, "passed")
    again = training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    assert again["id"] == all_days["id"]


def test_other_code_on_a_day_that_failed_is_no_mix(fresh) -> None:
    day = fresh.first_decision - timedelta(days=10)
    mark(fresh, FEATURES, day, "failed", "another")
    training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    mark(fresh, FEATURES, day, "passed", "another")
    with pytest.raises(NoEvidenceError, match="made by different dbt models"):
        training_set.build(fresh.lake, fresh.model, fresh.first_decision)


def test_rows_that_break_a_rule_stop_a_training_before_it_starts(fresh) -> None:
    day = fresh.first_decision - timedelta(days=10)
    spoil(fresh, day, "'infinity'::double")
    with pytest.raises(UnsoundRowsError, match=rf"spend breaks finite in 800 rows.* on {day}"):
        training_set.build(fresh.lake, fresh.model, fresh.first_decision)
    assert not fresh.lake.rows("select * from ledger.versions")


def spoil(world, day: date, spend: str) -> None:
    """Give every customer of a day another value of `spend`."""
    statement = f"update features.customer_features set spend = {spend} where as_of = ?"
    world.lake.transact(lambda c: c.execute(statement, [day]))


def test_failed_features_are_an_incident_before_there_is_a_champion(fresh) -> None:
    day = fresh.first_decision - ONE_DAY
    mark(fresh, FEATURES, day, "failed")
    decision = fresh.decide(fresh.first_decision)
    assert decision.kind == "incident"
    assert f"failed features: {day}: customer_features failed" in decision.reasons[0]


def test_a_failed_day_is_not_scored_and_the_others_are(history) -> None:
    day = history.last - 10 * ONE_DAY
    with marked(history, [day], "failed"):
        done = history.score(day - ONE_DAY, day + ONE_DAY)
        assert done.skipped == {day: "customer_features failed in_range_visits (3 rows)"}
        assert (done.rows, done.days) == (1600, 2)
        assert predicted(history, day) == 0
        assert predictions.unscored(history.lake, history.model, history.start, history.last) == []
    left = predictions.unscored(history.lake, history.model, history.start, history.last)
    assert left == [day]
    history.score(day, day)
    history.measure(day, day)
    assert predicted(history, day) == 800
    before = (history.start, day - ONE_DAY)
    assert predictions.unscored(history.lake, history.model, *before) == []


def predicted(world, day: date) -> int:
    query = "select count(*) as rows from ml.repeat_purchase_predictions where as_of = ?"
    return world.lake.rows(query, [day])[0]["rows"]


def test_predictions_of_a_day_that_fails_later_are_withdrawn_with_their_loss(history) -> None:
    day = history.last - 10 * ONE_DAY
    measured = "select count(*) as rows from ml.repeat_purchase_performance where as_of = ?"
    assert history.lake.rows(measured, [day])[0]["rows"] == 1
    assert predictions.withdraw(history.lake, history.model, [day]) == 800
    assert predicted(history, day) == history.lake.rows(measured, [day])[0]["rows"] == 0
    assert predictions.withdraw(history.lake, history.model, [day]) == 0
    history.score(day, day)
    history.measure(day, day)
    assert predicted(history, day) == 800
    assert history.lake.rows(measured, [day])[0]["rows"] == 1


def test_a_day_that_was_never_built_is_named(history) -> None:
    day = history.last + ONE_DAY
    assert history.score(day, day).skipped == {day: "customer_features has not been built"}


def test_features_of_other_code_are_scored_and_said(history) -> None:
    days = [history.last - n * ONE_DAY for n in (10, 9)]
    with marked(history, days, "passed", "another version"):
        done = history.score(days[0] - ONE_DAY, days[1])
    history.score(*days)  # as it was, for the tests that share this world
    assert (done.days, done.skipped) == (3, {})
    [said] = done.other_code
    assert said.endswith(f"made by , whose SQL is not kept: {days[0]}..{days[1]} by another ")


def test_a_failed_day_of_the_window_is_an_incident_and_is_not_compared(history) -> None:
    day = history.flip - 3 * ONE_DAY
    with marked(history, [day], "failed"):
        [found] = history.watch(history.flip - ONE_DAY).findings
    assert (found.name, found.reason[:10]) == ("failed features", str(day))


def test_a_window_of_failed_days_only_is_an_incident_without_a_report(history) -> None:
    as_of = history.flip - ONE_DAY
    window = [as_of - n * ONE_DAY for n in range(7)]
    with marked(history, window, "failed"):
        watch = history.watch(as_of)
        assert failed_findings(history.lake, history.model, as_of) == watch.findings
    assert (len(watch.findings), watch.report_url) == (7, "")
    assert {check.name for check in watch.checks if not check.passed} == {"incidents"}


def test_a_window_of_two_versions_of_the_features_is_an_incident(history) -> None:
    as_of = history.flip - ONE_DAY
    with marked(history, [as_of - ONE_DAY, as_of], "passed", "another version"):
        watch = history.watch(as_of)
    [mixed] = [finding for finding in watch.findings if finding.name == "mixed features"]
    assert f"{as_of - ONE_DAY}..{as_of} by another" in mixed.reason


def test_losses_of_days_that_failed_do_not_count(history) -> None:
    day = history.first_decision + 5 * ONE_DAY
    as_of = history.flip
    before = losses(history.lake, history.model, as_of)
    with marked(history, [day], "failed"):
        assert list(unfit_days(history.lake, history.model, [day, as_of])) == [day]
        after = losses(history.lake, history.model, as_of)
    assert [loss.day for loss in before if loss not in after] == [day]


def test_the_drift_reference_has_no_failed_held_or_older_day_and_is_as_it_was_read(
    fresh,
) -> None:
    last = fresh.first_decision
    failed, held, other = (last - n * ONE_DAY for n in (10, 30, 45))
    mark(fresh, FEATURES, failed, "failed")
    mark(fresh, FEATURES, other, "passed", "another version")
    fresh.hold(held)
    snapshot = fresh.lake.snapshot()
    mark(fresh, FEATURES, last, "failed")  # after the training set was read
    spoil(fresh, last - ONE_DAY, "-1")

    wanted = calibration.reference_days(fresh.lake, fresh.model, last, snapshot)
    rows = pa.concat_tables(calibration.chunks(fresh.lake, fresh.model, wanted, snapshot))

    days = set(rows["as_of"].to_pylist())
    assert days == set(wanted)
    blocked = {held - n * ONE_DAY for n in range(fresh.model.label.horizon_days + 1)}
    every = {fresh.start + n * ONE_DAY for n in range((last - fresh.start).days + 1)}
    assert every - days == {failed, other, *blocked}
    assert min(rows["spend"].to_pylist()) >= 0
