"""What an operator sees of raw rows in the UI and on the terminal, from real Dagster runs."""

from datetime import date, timedelta

import pytest
from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DailyPartitionsDefinition,
    EventRecordsFilter,
    materialize,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

import cli_deliveries
from assets.raw import raw_asset, report_release
from ingestion.rejects import rejects
from ingestion.release import release
from replay import spans, waiting
from resources.settings import Settings
from resources.spark import spark_resource

FIRST, SECOND, THIRD = (date(2024, 3, n) for n in (1, 2, 3))
KEY = AssetKey(["raw", "sales"])
HEADER = "order,sold_at,quantity,amount,customer,channel,note"


def line(day: date, order: str, amount: object = 2.5, channel: str = "web") -> str:
    return f"{order},{day} 09:00:00,1,{amount},Ann Smith,{channel},hello"


@pytest.fixture
def run(desk, tmp_path, instance, spark):
    """A function that materializes the raw asset over a span of days, as the job does."""
    settings = Settings(
        home=tmp_path / "home", landing=str(desk.landing), spark="local[2]", threads=2
    )
    settings.home.mkdir()

    def materialized(first: date, last: date):
        asset = raw_asset(desk.table, DailyPartitionsDefinition(str(FIRST)), settings, {})
        span = {
            ASSET_PARTITION_RANGE_START_TAG: str(first),
            ASSET_PARTITION_RANGE_END_TAG: str(last),
        }
        return materialize(
            [asset],
            instance=instance,
            tags=span,
            resources={"lake": desk.lake, "spark": spark_resource(settings)},
            raise_on_error=False,
        )

    return materialized


def metadata_of(result) -> dict:
    [found, *_] = result.asset_materializations_for_node("raw__sales")
    return {name: value.value for name, value in found.metadata.items()}


def checks_of(result) -> dict:
    return {
        check.check_name: (check.passed, {k: v.value for k, v in check.metadata.items()})
        for check in result.get_asset_check_evaluations()
    }


def test_held_days_rejects_and_warnings_are_seen_until_someone_acts(
    desk, run, lake, instance
) -> None:
    good = [line(FIRST, f"100{n}") for n in range(4)]
    desk.land(FIRST, *good, line(FIRST, "x"), line(FIRST, "y", "free"), header=HEADER)
    desk.land(SECOND, header="")
    found = run(FIRST, SECOND)
    told = metadata_of(found)
    assert (told["rows_read"], told["rows_quarantined"], told["days_held"]) == (6, 2, 1)
    assert told["columns_not_stored"] == "note"
    assert [(record.data["reason"], record.data["rows"]) for record in told["rejects"].records] == [
        ("order: matches", 2),
        ("amount: not decimal(18,4)", 1),
    ]
    assert len(told["reject_samples"].records) == 3
    assert "Smith" not in str(told)
    held = {str(SECOND): "schema: the first line is empty, it must be the header"}
    assert checks_of(found) == {"published": (False, held), "row_count": (True, {})}

    desk.land(FIRST, *good[:2], header=HEADER)
    fewer = {str(FIRST): "2 rows, the delivery that it replaces had 4"}
    assert checks_of(run(FIRST, FIRST)) == {"published": (False, held), "row_count": (False, fewer)}


def test_a_release_is_seen_as_a_materialization_and_a_check_that_passes(
    desk, run, lake, instance: DagsterInstance
) -> None:
    path = desk.land_amounts(FIRST, 1.0)
    run(FIRST, FIRST)
    path.unlink()
    assert not checks_of(run(FIRST, FIRST))["published"][0]
    released, _ = release(lake, "sales", FIRST, "a test order", {})
    report_release(instance, lake, released)
    report_release(instance, lake, released)
    assert len(instance.fetch_materializations(KEY, limit=9).records) == 3
    [newest] = instance.fetch_materializations(
        AssetRecordsFilter(KEY, asset_partitions=[str(FIRST)]), limit=1
    ).records
    assert newest.asset_materialization.description == "released: a test order"
    [check] = instance.get_event_records(
        EventRecordsFilter(DagsterEventType.ASSET_CHECK_EVALUATION, asset_key=None), limit=1
    )
    evaluation = check.event_log_entry.dagster_event.event_specific_data
    assert (evaluation.check_name, evaluation.passed) == ("published", True)


def test_a_run_with_a_day_that_fails_publishes_the_others_and_names_the_day(
    desk, run, sales
) -> None:
    desk.table = sales(on_missing="fail")
    desk.land_amounts(FIRST, 1.0)
    desk.land_amounts(THIRD, 3.0)
    failed = run(FIRST, THIRD)
    [event] = [event for event in failed.all_events if event.is_step_failure]
    assert not failed.success
    assert f"sales {SECOND}: no file" in str(event.step_failure_data.error.cause.message)
    assert desk.visible(THIRD) == [(FIRST, 1.0), (THIRD, 3.0)]


def test_rejects_are_counted_by_reason_and_day_of_newest_deliveries_only(desk, lake) -> None:
    desk.land(FIRST, line(FIRST, "x"), line(FIRST, "1001", channel="fax"), header=HEADER)
    desk.land(SECOND, line(SECOND, "y", channel="fax"), header=HEADER)
    desk.take(FIRST, SECOND)
    desk.land(FIRST, line(FIRST, "1001", channel="fax"), line(FIRST, "1002"), header=HEADER)
    desk.take(FIRST)
    found = rejects(lake, "sales")
    assert found.by_reason == [
        {"reason": "channel: accepted_values", "rows": 2, "days": 2},
        {"reason": "order: matches", "rows": 1, "days": 1},
    ]
    assert [(row["day"], row["reason"], row["rows"]) for row in found.by_day] == [
        (FIRST, "channel: accepted_values", 1),
        (SECOND, "channel: accepted_values", 1),
        (SECOND, "order: matches", 1),
    ]
    assert rejects(lake, "sales", [FIRST]).by_reason[0]["rows"] == 1
    assert {row["line"] for row in found.samples} == {1}

    with cli_deliveries.out.capture() as shown:
        cli_deliveries.show_rejects(found)
        cli_deliveries.show_rejects(rejects(lake, "sales", [THIRD]))
    assert "channel: accepted_values" in shown.get()
    assert "no rejected rows" in shown.get()


def test_days_of_another_contract_and_unreadable_files_wait_for_a_replay(desk, lake, sales) -> None:
    desk.land(FIRST, line(FIRST, "x"), header=HEADER)
    desk.land(SECOND, line(SECOND, "1001"), header="order,when,quantity,amount,customer,channel,x")
    desk.land_amounts(THIRD, 1.0)
    desk.take(FIRST, SECOND, THIRD)
    changed = sales(checksum="v2")
    assert waiting(lake, desk.table, None) == (2, [SECOND])
    assert waiting(lake, changed, None) == (2, [FIRST, SECOND])
    assert waiting(lake, changed, [SECOND]) == (1, [SECOND])


def test_consecutive_days_are_one_run() -> None:
    days = [FIRST, SECOND, FIRST + timedelta(days=5)]
    assert list(spans(days)) == [(FIRST, SECOND), (days[2], days[2])]
    assert list(spans([])) == []
