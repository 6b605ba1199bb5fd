"""A changed dbt model: which days it asks for, in which order, and when it stops asking."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from dagster import (
    AssetKey,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    SkipReason,
    asset,
    build_sensor_context,
    define_asset_job,
)

import ledger
from assets.partitions import daily, days_between
from declared import declared
from plan import ATTEMPT_TAG, ORPHAN_TAG
from sensors.stale_features import Table, requested, stale_features

START = date(2024, 1, 1)
FEATURES = Table(AssetKey(["features", "customer_features"]), "f" * 32)
LABELS = Table(AssetKey(["features", "customer_labels"]), "e" * 32)
VIEWS = [AssetKey(["staging", "int_order_lines"])]
SPAN = days_between(date(2024, 1, 20), date(2024, 3, 5))


def asked(stale, runs: Sequence[DagsterRun] = (), going: Sequence[DagsterRun] = ()) -> RunRequest:
    found = requested(stale, runs, going, VIEWS)
    assert isinstance(found, RunRequest), found
    return found


def tried(request: RunRequest, status: DagsterRunStatus) -> DagsterRun:
    return DagsterRun(job_name="backfill", status=status, tags=dict(request.tags))


def span_of(request: RunRequest) -> tuple[str, str]:
    tags = request.tags
    if request.partition_key:
        return request.partition_key, request.partition_key
    return tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]


def test_the_newest_stale_month_is_asked_for_first_with_the_views_it_is_built_on() -> None:
    request = asked({FEATURES: SPAN})
    assert span_of(request) == ("2024-03-01", "2024-03-05")
    assert request.asset_selection == [*VIEWS, FEATURES.key]
    assert (request.job_name, request.tags[ATTEMPT_TAG]) == ("backfill", "1")
    assert request.run_key == f"customer_features:{'f' * 12}:2024-03:1"


def test_two_ticks_ask_for_the_same_run_and_another_checksum_for_another() -> None:
    assert asked({FEATURES: SPAN}) == asked({FEATURES: SPAN})
    changed = Table(FEATURES.key, "0" * 32)
    assert asked({changed: SPAN}).run_key != asked({FEATURES: SPAN}).run_key


def test_every_stale_month_of_every_table_is_asked_for_once_when_each_run_succeeds() -> None:
    stale, runs, months = {FEATURES: list(SPAN), LABELS: list(SPAN)}, [], []
    while any(stale.values()):
        request = asked(stale, runs)
        table = FEATURES if request.asset_selection[-1] == FEATURES.key else LABELS
        first, last = map(date.fromisoformat, span_of(request))
        months.append((table.name, str(first), str(last)))
        stale[table] = [day for day in stale[table] if not first <= day <= last]
        runs.append(tried(request, DagsterRunStatus.SUCCESS))
    assert months == [
        (name, first, last)
        for first, last in (
            ("2024-03-01", "2024-03-05"),
            ("2024-02-01", "2024-02-29"),
            ("2024-01-20", "2024-01-31"),
        )
        for name in ("customer_labels", "customer_features")
    ]
    done = requested(stale, runs, [], VIEWS)
    assert isinstance(done, SkipReason)
    assert "made by the models as they are" in str(done.skip_message)


def test_a_day_between_that_is_not_stale_is_not_built_again() -> None:
    """What a person has accepted of it would end."""
    stale, runs, spans = {FEATURES: [SPAN[-4], SPAN[-3], SPAN[-1]]}, [], []
    while any(stale.values()):
        request = asked(stale, runs)
        first, last = map(date.fromisoformat, span_of(request))
        spans.append((first, last))
        stale = {FEATURES: [day for day in stale[FEATURES] if not first <= day <= last]}
        runs.append(tried(request, DagsterRunStatus.SUCCESS))
    assert spans == [(SPAN[-1], SPAN[-1]), (SPAN[-4], SPAN[-3])]


def test_while_another_run_may_write_features_nothing_is_asked_for() -> None:
    going = DagsterRun(job_name="history", status=DagsterRunStatus.STARTED)
    skipped = requested({FEATURES: SPAN}, [], [going], VIEWS)
    assert isinstance(skipped, SkipReason)
    assert going.run_id in str(skipped.skip_message)


def test_a_month_that_stays_stale_is_given_up_and_the_others_are_not() -> None:
    runs = []
    for attempt in ("1", "2", "3"):
        request = asked({FEATURES: SPAN}, runs)
        assert (request.tags[ATTEMPT_TAG], span_of(request)[0]) == (attempt, "2024-03-01")
        runs.append(tried(request, DagsterRunStatus.FAILURE))
    assert span_of(asked({FEATURES: SPAN}, runs))[0] == "2024-02-01"
    march = [day for day in SPAN if day.month == 3]
    skipped = requested({FEATURES: march}, runs, [], VIEWS)
    assert isinstance(skipped, SkipReason)
    assert "3 attempts have left stale days in customer_features 2024-03" in str(
        skipped.skip_message
    )


def test_backfills_that_succeeded_or_were_killed_are_no_reason_to_give_up() -> None:
    runs = []
    for status in [DagsterRunStatus.SUCCESS] * 3 + [DagsterRunStatus.FAILURE] * 2:
        runs.append(tried(asked({FEATURES: SPAN}, runs), status))
    killed = tried(asked({FEATURES: SPAN}, runs), DagsterRunStatus.FAILURE)
    runs.append(killed.with_tags({**killed.tags, ORPHAN_TAG: "true"}))
    request = asked({FEATURES: SPAN}, runs)
    assert span_of(request)[0] == "2024-03-01"
    assert request.run_key == f"customer_features:{'f' * 12}:2024-03:7"


@pytest.fixture
def shop(parsed, lake, instance):
    """The default project's sensor on a real instance and a ledger."""
    [model] = declared(parsed).models

    class Shop:
        checksum = model.features_checksum

        def build(self, table: str, day: date, checksum: str, status: str | None) -> None:
            key = {"table_name": table, "day": day}
            ledger.put(lake, "partitions", key, {"checksum": checksum, "status": status})

        def tick(self):
            @asset(partitions_def=daily(START, "UTC"))
            def nothing() -> None: ...

            job = define_asset_job("backfill", "nothing")
            sensor = stale_features([model], START, VIEWS, job)
            location = Definitions(assets=[nothing], jobs=[job], sensors=[sensor])
            context = build_sensor_context(
                instance, repository_def=location.get_repository_def(), resources={"lake": lake}
            )
            return location.resolve_sensor_def("stale_features").evaluate_tick(context)

    return Shop()


def test_only_days_of_other_code_and_days_that_nobody_has_tested_are_stale(shop) -> None:
    now = shop.checksum
    one_day = timedelta(days=1)
    shop.build("customer_features", START - one_day, "older", "passed")  # has no partition
    shop.build("customer_features", START, now, "passed")
    shop.build("customer_features", START + one_day, now, "failed")  # the same code fails again
    assert "as they are" in str(shop.tick().skip_message)
    for n, (checksum, status) in enumerate(
        [("older", "passed"), ("older", "failed"), (now, "built"), (now, None)], start=3
    ):
        shop.build("customer_features", START + n * one_day, checksum, status)
    [request] = shop.tick().run_requests
    assert span_of(request) == ("2024-01-04", "2024-01-07")


def test_a_run_that_is_going_on_the_real_instance_is_waited_for(shop, instance) -> None:
    shop.build("customer_features", START, "older", "passed")
    instance.add_run(
        DagsterRun(job_name="repeat_purchase_maturing", status=DagsterRunStatus.STARTED)
    )
    assert "may write features" in str(shop.tick().skip_message)
