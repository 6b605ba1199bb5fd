"""The drift asset's library: what is wrong with a day, from the lake to the decision."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dagster import DailyPartitionsDefinition, materialize

import chronicle
import ledger
from assets.drift import CHECKS, drift_asset
from errors import NoEvidenceError
from lifecycle import acceptance, broken, deciding, monitoring, store
from lifecycle.calibration import known_of
from lifecycle.quality import blocked_days
from resources.lake import quoted

ONE_DAY = timedelta(days=1)
SUNDAY = 6


@pytest.fixture(scope="module", autouse=True)
def undecided(history) -> Iterator[None]:
    """Nothing is decided after the first model: no day that is watched here is an old one."""
    later = "from ledger.decisions where as_of > ?"
    kept = history.lake.read(f"select * {later}", [history.first_decision])
    history.lake.transact(lambda c: c.execute(f"delete {later}", [history.first_decision]))
    yield
    if kept.num_rows:
        history.lake.transact(lambda c: put_back(c, kept))


def put_back(connection, rows) -> None:
    connection.register("kept", rows)
    connection.execute("insert into ledger.decisions by name select * from kept")
    connection.unregister("kept")


@contextmanager
def changed(world, days: list[date], column: str, formula: str) -> Iterator[None]:
    """Features of `days` built with another formula, and then again as they were."""
    before = rows_of(world, days)
    build(world, days, f"select * replace ({formula} as {column}) from rows", before)
    try:
        yield
    finally:
        build(world, days, "select * from rows", before)
        for table in ("incidents", "acceptances"):
            world.lake.transact(lambda c, name=table: c.execute(f"delete from ledger.{name}"))


def rows_of(world, days: list[date]):
    return world.lake.read(
        "select * from features.customer_features where as_of in (select unnest(?))", [days]
    )


def build(world, days: list[date], query: str, rows) -> None:
    def write(connection) -> None:
        within = "where as_of in (select unnest(?))"
        connection.execute(f"delete from features.customer_features {within}", [days])
        connection.register("rows", rows)
        connection.execute(f"insert into features.customer_features {query}")
        connection.unregister("rows")
        connection.execute(
            """update ledger.partitions set written_at = written_at + interval 1 second
            where table_name = 'customer_features' and day in (select unnest(?))""",
            [days],
        )

    world.lake.transact(write)


def check(watch: monitoring.Watch, name: str) -> monitoring.Check:
    return next(check for check in watch.checks if check.name == name)


def until(world, count: int) -> list[date]:
    """The last days before the world turns."""
    return [world.flip - (n + 1) * ONE_DAY for n in reversed(range(count))]


def test_a_shift_of_what_the_model_uses_is_an_alarm_with_its_column(history) -> None:
    days = until(history, 6)
    with changed(history, days, "visits", "visits + 2"):
        found = check(history.watch(days[-1]), "features")
    assert (found.passed, found.severity) == (False, "ERROR")
    assert found.reason.startswith("visits adds up to")
    assert found.since is not None
    assert found.since >= days[0] - ONE_DAY
    assert check(history.watch(days[-1]), "features").passed


def test_dagster_shows_of_every_check_its_numbers_and_what_drives_it(history, tmp_path) -> None:
    days, model = until(history, 6), history.model
    daily = DailyPartitionsDefinition(start_date=str(history.start), end_date="2024-06-01")
    resources = {"lake": history.lake, "registry": history.registry}
    with changed(history, days, "visits", "visits + 2"):
        done = materialize(
            [drift_asset(model, daily, tmp_path)], partition_key=str(days[-1]), resources=resources
        )
    shown = {each.check_name: each.metadata for each in done.get_asset_check_evaluations()}
    assert set(shown) == set(CHECKS)
    for metadata in shown.values():
        assert {"statistic", "threshold", "since"} <= metadata.keys()
    first = shown["features"]["columns"].records[0].data
    assert first["column"] == "visits"
    assert first["importance"] == 1
    assert first["adds_up_to"] > shown["features"]["threshold"].value
    assert first["distance"] > 0
    assert [row.data["column"] for row in shown["prediction"]["columns"].records] == ["prediction"]
    assert [row.data["column"] for row in shown["label"]["columns"].records] == ["repurchased"]
    assert shown["performance"]["columns"].value == "none: it is about the loss"
    assert shown["incidents"]["findings"].value == "no rows"


def test_a_shift_of_what_the_model_does_not_use_is_only_shown(history) -> None:
    days = until(history, 6)
    with changed(history, days, "spend", "spend * 2"):
        watch = history.watch(days[-1])
    assert watch.importance["visits"] == 1
    assert watch.importance["spend"] < 0.1
    found = check(watch, "features")
    assert (found.passed, found.severity) == (False, "WARN")
    assert found.reason.startswith("too small or unimportant to harm: spend")


def test_a_change_of_unit_on_one_day_is_an_incident_on_that_day_and_no_drift(history) -> None:
    (day,) = until(history, 1)
    with changed(history, [day], "spend", "spend * 100"):
        watch = history.watch(day)
    assert {(f.name, f.column) for f in watch.findings} >= {("unit change", "spend")}
    assert str(day) in check(watch, "incidents").reason
    assert check(watch, "features").passed


def test_the_loss_that_the_model_expects_is_shown_and_never_an_alarm(history) -> None:
    found = check(history.watch(history.last), "estimated_performance")
    assert (found.passed, found.severity) == (True, "WARN")
    assert "blind to concept drift" in found.reason
    assert 0 < found.statistic < found.threshold


def test_what_is_calibrated_stays_with_the_version(history) -> None:
    version = ledger.champion_on(history.lake, history.model.name, history.flip)
    (row,) = history.lake.rows("select * from ledger.versions where version = ?", [version])
    known = known_of(history.registry, row["mlflow_run"])
    assert known.features.seed == history.model.train.seed
    assert (
        known.features.last == history.first_decision - history.model.label.horizon_days * ONE_DAY
    )
    assert known.features.calibrated
    assert known.features.threshold > 0


def test_a_broken_day_is_used_by_no_model_until_it_is_accepted(history) -> None:
    (day,) = until(history, 1)
    lake, model = history.lake, history.model
    with changed(history, [day], "spend", "spend * 100"):
        history.watch(day)
        assert day in blocked_days(lake, model)
        snapshot = lake.snapshot()
        with pytest.raises(NoEvidenceError, match="--why is empty"):
            broken.accept(lake, model, [day], " ")
        with pytest.raises(NoEvidenceError, match=f"{history.flip} is not broken; broken: {day}"):
            broken.accept(lake, model, [history.flip], "prices are in cents since then")
        broken.accept(lake, model, [day], "prices are in cents since then")
        assert day not in blocked_days(lake, model)
        assert day in blocked_days(lake, model, snapshot)
        assert history.watch(day).findings == ()
        [event] = [e for e in chronicle.history(lake, model.name) if e.what == "accepted"]
        assert (event.as_of, event.outcome, event.version) == (day, "this day", None)
        assert "spend" in event.why[0]
        assert event.why[1] == "prices are in cents since then"


def test_a_day_that_is_built_again_stays_broken_until_a_watch_finds_it_sound(history) -> None:
    day, lake, model = history.first_decision + 4 * ONE_DAY, history.lake, history.model
    before = rows_of(history, [day])
    with changed(history, [day], "spend", "spend * 100"):
        history.watch(day)
        build(history, [day], "select * replace (spend * 90 as spend) from rows", before)
        assert day in blocked_days(lake, model)
        with pytest.raises(NoEvidenceError, match=f"{day} was built again since"):
            broken.accept(lake, model, [day], "prices are in cents")
        history.watch(history.last)  # the day is older than what the alarms add up
        assert day in blocked_days(lake, model)
        build(history, [day], "select * from rows", before)
        assert day in blocked_days(lake, model)
        assert history.watch(history.last).findings == ()
        assert day not in blocked_days(lake, model)


def test_what_is_accepted_is_one_build_of_a_day(history) -> None:
    (day,) = until(history, 1)
    lake, model = history.lake, history.model
    before = rows_of(history, [day])
    with changed(history, [day], "spend", "spend * 100"):
        history.watch(day)
        broken.accept(lake, model, [day], "prices are in cents since then")
        build(history, [day], "select * replace (spend * 90 as spend) from rows", before)
        assert day in blocked_days(lake, model)
        assert {finding.column for finding in history.watch(day).findings} == {"spend"}
        assert day in blocked_days(lake, model)
        build(history, [day], "select * from rows", before)
        history.watch(day)
        assert day not in blocked_days(lake, model)


def test_a_day_that_is_built_while_it_is_watched_is_left_as_it_is(history) -> None:
    (day,) = until(history, 1)
    lake, model = history.lake, history.model
    with changed(history, [day], "spend", "spend * 100"):
        history.watch(day)
        looked = {day: datetime(2024, 1, 1)}  # another build than the day has by now
        lake.transact(lambda connection: broken.keep(connection, model, looked, {}))
        assert day in blocked_days(lake, model)


def test_a_watch_of_an_old_day_is_shown_and_leaves_broken_days_as_they_are(history) -> None:
    (day,) = until(history, 1)
    lake, model, before = history.lake, history.model, rows_of(history, [day])
    key = {"model": model.name, "as_of": day + ONE_DAY}
    with changed(history, [day], "spend", "spend * 100"):
        ledger.put(lake, "decisions", key, {"kind": "none"})
        assert {finding.column for finding in history.watch(day).findings} == {"spend"}
        assert day not in blocked_days(lake, model)
        history.watch(day + ONE_DAY)
        assert day in blocked_days(lake, model)
        build(history, [day], "select * from rows", before)
        assert history.watch(day).findings == ()
        assert day in blocked_days(lake, model)
        history.watch(day + ONE_DAY)
        assert day not in blocked_days(lake, model)
    lake.transact(
        lambda c: c.execute("delete from ledger.decisions where as_of = ?", [key["as_of"]])
    )


def test_a_day_that_was_built_without_a_row_is_broken(history) -> None:
    lake, model, (day,) = history.lake, history.model, until(history, 1)
    before = rows_of(history, [day])
    with changed(history, [day], "spend", "spend"):
        build(history, [day], "select * from rows where false", before)
        history.score(day, day)
        watch = history.watch(day)
        [found] = watch.findings
        assert (found.name, found.column, found.day) == ("row count", None, day)
        assert found.reason == f"{day}: 0 rows, the reference's days have 800 to 800"
        assert check(watch, "features").passed
        assert day in blocked_days(lake, model)
    history.score(day, day)


def test_days_without_a_row_are_none_of_a_fault_where_the_shop_is_closed_on_such_days(
    make_world, rows, shop_model
) -> None:
    closed = {day for day in rows["as_of"].unique().to_pylist() if day.weekday() == SUNDAY}
    shut = pc.is_in(rows["as_of"], pa.array(list(closed), rows["as_of"].type))
    model = shop_model.model_copy(update={"name": "closed_on_sundays"})
    world = make_world(rows.filter(pc.invert(shut)), model)
    made = {"rows": 0, "checksum": model.features_checksum, "status": "passed"}
    for day in closed:
        key = {"table_name": model.features.table, "day": day}
        ledger.put(world.lake, "partitions", key, made)
    world.decide(world.first_decision)
    verdict = world.train(world.first_decision)
    assert verdict["promoted"], verdict["reasons"]
    world.score(world.first_decision + ONE_DAY, world.flip - ONE_DAY)
    sunday = next(day for day in until(world, 7) if day in closed)
    assert world.watch(sunday).findings == ()
    assert world.watch(world.flip - ONE_DAY).findings == ()
    assert blocked_days(world.lake, model) == set()


NEW_COUNTRY = "case when customer_id < 'c200' then 'AT' else country end"
FEW_LARGE = "case when customer_id < 'c020' then spend * 1000 else 0 end"  # too few on a day alone


@pytest.fixture
def calm(history):
    """The history as long as nothing newer was watched than its days before the turn."""
    table = quoted("ml", f"{history.model.name}_{store.DRIFT}")
    if store.exists(history.lake, f"{history.model.name}_{store.DRIFT}"):
        later = f"delete from {table} where as_of >= ?"
        history.lake.transact(lambda c: c.execute(later, [history.flip]))
    return history


def test_a_lasting_change_is_accepted_once_and_everything_else_goes_on(calm) -> None:
    days, lake, model = until(calm, 6), calm.lake, calm.model
    with changed(calm, days, "country", NEW_COUNTRY):
        assert {f.name for f in calm.watch(days[-1]).findings} == {"unseen categories"}
        assert set(days) <= blocked_days(lake, model)
        [accepted], version = acceptance.accept_onwards(lake, model, days[:1], "we sell to Austria")
        assert (accepted.name, accepted.column) == ("unseen categories", "country")
        assert days[0] not in blocked_days(lake, model)
        watch = calm.watch(days[-1])
        assert (watch.version, watch.findings) == (version, ())
        assert check(watch, "incidents").passed
        assert check(watch, "incidents").reason == (
            "no data incident; unseen categories of country accepted since "
            f"{days[0]}: we sell to Austria"
        )
        assert blocked_days(lake, model) == set()
        assert "country adds up to" in check(watch, "features").reason
        assert not check(watch, "features").passed
        seen = deciding.evidence(lake, model, days[-1])
        assert seen.incidents == ()
        assert "features" in {failed.name for failed in seen.failed}


def test_what_is_accepted_is_one_finding_of_one_column_from_its_day_on(calm) -> None:
    days, lake, model = until(calm, 6), calm.lake, calm.model
    with changed(calm, days[1:], "country", NEW_COUNTRY):
        calm.watch(days[-1])
        acceptance.accept_onwards(lake, model, [days[2]], "we sell to Austria")
        with changed(calm, days[-1:], "spend", "spend * 100"):
            found = calm.watch(days[-1]).findings
        assert {(f.day, f.column) for f in found} == {(days[1], "country"), (days[-1], "spend")}


def test_what_days_show_only_together_is_accepted_too(calm) -> None:
    days, lake, model = until(calm, 7), calm.lake, calm.model
    with changed(calm, days, "spend", FEW_LARGE):
        [found] = calm.watch(days[-1]).findings
        assert (found.name, found.column, found.day) == ("unit change", "spend", None)
        assert not blocked_days(lake, model) & set(days)
        with pytest.raises(NoEvidenceError, match="only together is accepted with --onwards"):
            broken.accept(lake, model, days[-1:], "a shop of gifts")
        acceptance.accept_onwards(lake, model, days[-1:], "a shop of gifts")
        watch = calm.watch(days[-1])
        assert watch.findings == ()
        assert "unit change of spend accepted since" in check(watch, "incidents").reason


def test_a_day_on_which_nothing_was_found_is_refused_with_what_was_found(calm) -> None:
    days, lake, model = until(calm, 3), calm.lake, calm.model
    with changed(calm, days[-1:], "country", NEW_COUNTRY):
        calm.watch(days[-1])
        with pytest.raises(NoEvidenceError, match="--why is empty"):
            acceptance.accept_onwards(lake, model, days, "")
        with pytest.raises(NoEvidenceError, match="; found: ") as refused:
            acceptance.accept_onwards(lake, model, days, "we sell to Austria")
        assert f"was found on {days[0]}, {days[1]}; found: " in str(refused.value)
        assert f"{days[-1]}: unseen categories of country" in str(refused.value)


def test_a_newer_champion_is_calibrated_anew_and_finds_anew(calm) -> None:
    days, lake, model = until(calm, 2), calm.lake, calm.model
    with changed(calm, days, "country", NEW_COUNTRY):
        calm.watch(days[-1])
        _, version = acceptance.accept_onwards(lake, model, days[:1], "we sell to Austria")
        assert acceptance.in_force(lake, model, version)
        assert acceptance.in_force(lake, model, version - 1)
        assert acceptance.in_force(lake, model, version + 1) == []
