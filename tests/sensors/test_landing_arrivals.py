import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    asset,
    build_sensor_context,
    define_asset_job,
)

from assets.partitions import daily
from declared import declared
from errors import DeliveryError
from sensors.landing_arrivals import MOST_ATTEMPTS, PATIENCE, arrived, landing_arrivals, withdrawn

FRONTIER = date(2024, 3, 10)
NOW = datetime(2024, 3, 11, 5)


def test_a_file_that_was_never_taken_in_has_arrived() -> None:
    assert arrived({FRONTIER: NOW}, {}) == {FRONTIER: NOW}


def taken(at: datetime, file: str | None = "file", written: datetime | None = None):
    return {"file": file, "file_written": written, "written_at": at}


def test_a_file_written_at_another_time_than_the_one_taken_in_has_arrived_even_an_earlier() -> None:
    files = {FRONTIER: NOW, date(2024, 3, 9): NOW}
    newest = {
        FRONTIER: taken(NOW + timedelta(hours=2), written=NOW + timedelta(hours=1)),
        date(2024, 3, 9): taken(NOW + timedelta(hours=2), written=NOW),
    }
    assert arrived(files, newest) == {FRONTIER: NOW}


def test_of_a_delivery_whose_file_time_nobody_kept_only_a_later_file_has_arrived() -> None:
    files = {FRONTIER: NOW, date(2024, 3, 9): NOW}
    newest = {
        FRONTIER: taken(NOW - timedelta(hours=1)),
        date(2024, 3, 9): taken(NOW + timedelta(hours=1)),
    }
    assert arrived(files, newest) == {FRONTIER: NOW}


def test_a_file_of_a_day_that_had_none_has_arrived() -> None:
    assert arrived({FRONTIER: NOW}, {FRONTIER: taken(NOW, file=None)}) == {FRONTIER: NOW}


def test_a_file_that_is_gone_within_a_week_was_withdrawn_and_an_older_one_tidied_away() -> None:
    days = [FRONTIER - timedelta(days=n) for n in (0, 1, 6, 7)]
    newest = {day: taken(NOW, written=NOW) for day in days}
    assert withdrawn({FRONTIER: NOW}, newest) == {days[1]: NOW, days[2]: NOW}
    newest[days[1]] = taken(NOW, file=None)  # somebody knows already
    assert withdrawn({FRONTIER: NOW}, newest) == {days[2]: NOW}


def test_where_no_file_is_left_the_folder_is_gone_and_not_its_days() -> None:
    newest = {FRONTIER: taken(NOW), date(2024, 3, 9): taken(NOW)}
    with pytest.raises(DeliveryError, match=r"none of 2 files .* is there any more"):
        withdrawn({}, newest)


def test_arrivals_come_oldest_first() -> None:
    days = [date(2024, 3, n) for n in (9, 3, 6)]
    assert list(arrived(dict.fromkeys(days, NOW), {})) == sorted(days)


@pytest.fixture
def shop(parsed, lake, instance, tmp_path: Path):
    """A landing folder with a sensor, and a ledger up to the frontier."""

    class Shop:
        landing = tmp_path / "landing"
        declaration = declared(parsed)

        def land(self, day: date, at: datetime, table: str = "order_lines") -> None:
            path = self.landing / table / f"{day}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            seconds = at.replace(tzinfo=UTC).timestamp()
            os.utime(path, (seconds, seconds))

        def take(
            self,
            day: date,
            at: datetime,
            table: str = "order_lines",
            file_written: datetime | None = None,
        ) -> None:
            lake.transact(
                lambda c: c.execute(
                    "insert into ledger.deliveries "
                    "(table_name, day, file, written_at, file_written) "
                    "values (?, ?, 'file', ?, ?)",
                    [table, day, at, file_written],
                )
            )

        def two_tables(self) -> None:
            [table] = self.declaration.tables
            path = table.ingest.path.replace("order_lines", "returns")
            ingest = table.ingest.model_copy(update={"path": path})
            other = table.model_copy(update={"name": "returns", "ingest": ingest})
            self.declaration = self.declaration.model_copy(update={"tables": (other, table)})

        def tick(self):
            @asset(partitions_def=daily(date(2024, 1, 1), "UTC"))
            def nothing() -> None: ...

            jobs = [define_asset_job(name, "nothing") for name in ("daily", "ingest")]
            sensor = landing_arrivals(self.declaration, str(self.landing), date(2024, 1, 1), jobs)
            location = Definitions(assets=[nothing], jobs=jobs, sensors=[sensor])
            context = build_sensor_context(
                instance, repository_def=location.get_repository_def(), resources={"lake": lake}
            )
            return location.resolve_sensor_def("landing_arrivals").evaluate_tick(context)

    return Shop()


def test_before_a_history_was_loaded_nothing_is_asked_for(shop) -> None:
    shop.land(FRONTIER, NOW)
    assert "has no history yet" in str(shop.tick().skip_message)


def test_a_new_table_without_history_does_not_stop_the_arrivals_of_others(shop) -> None:
    shop.two_tables()
    shop.take(FRONTIER, NOW)
    shop.land(FRONTIER, NOW - timedelta(hours=1))
    assert "returns has no history yet" in str(shop.tick().skip_message)
    shop.land(FRONTIER, NOW + timedelta(hours=1))
    [request] = shop.tick().run_requests
    assert request.partition_key == str(FRONTIER)


def test_without_a_change_nothing_is_asked_for(shop) -> None:
    shop.land(FRONTIER, NOW)
    shop.take(FRONTIER, NOW + timedelta(minutes=5))
    assert "nothing new" in str(shop.tick().skip_message)


def test_a_new_day_asks_for_daily_work_and_a_changed_old_one_for_its_ingestion(shop) -> None:
    old, new = FRONTIER - timedelta(days=5), FRONTIER + timedelta(days=1)
    for day in (old, FRONTIER):
        shop.land(day, NOW)
        shop.take(day, NOW + timedelta(minutes=5))
    shop.land(old, NOW + timedelta(hours=1))
    shop.land(new, NOW + timedelta(hours=1))
    requests = shop.tick().run_requests
    assert [(r.job_name, r.partition_key) for r in requests] == [
        ("ingest", str(old)),
        ("daily", str(new)),
    ]
    assert requests == shop.tick().run_requests
    assert requests[1].tags["leeway/step"] == "0"


def test_a_file_that_changes_twice_asks_twice(shop) -> None:
    shop.take(FRONTIER, NOW)
    shop.land(FRONTIER, NOW + timedelta(hours=1))
    [first] = shop.tick().run_requests
    shop.land(FRONTIER, NOW + timedelta(hours=2))
    [second] = shop.tick().run_requests
    assert first.run_key != second.run_key


def test_a_file_that_comes_back_as_it_was_is_news_again(shop) -> None:
    """A was taken in, B replaced it, and `cp -p` brings A back: Dagster has run A's key before."""
    before, after = NOW, NOW + timedelta(hours=1)
    shop.take(FRONTIER - timedelta(days=1), NOW, file_written=NOW)
    shop.land(FRONTIER - timedelta(days=1), NOW)
    shop.land(FRONTIER, before)
    shop.take(FRONTIER, NOW - timedelta(hours=2), file_written=NOW - timedelta(hours=3))
    [first] = shop.tick().run_requests
    shop.take(FRONTIER, NOW + timedelta(minutes=1), file_written=before)
    shop.take(FRONTIER, after + timedelta(minutes=1), file_written=after)
    [again] = shop.tick().run_requests
    assert again.run_key != first.run_key


def test_a_new_day_waits_for_the_files_of_all_tables_but_not_for_ever(shop) -> None:
    shop.two_tables()
    now, new = datetime.now(UTC).replace(tzinfo=None), FRONTIER + timedelta(days=1)
    for table in ("order_lines", "returns"):
        shop.take(FRONTIER, NOW, table)
        shop.land(FRONTIER, NOW - timedelta(hours=1), table)
    shop.land(new, now)
    assert "nothing new" in str(shop.tick().skip_message)
    shop.land(new, now, "returns")
    [request] = shop.tick().run_requests
    assert (request.job_name, request.partition_key) == ("daily", str(new))
    (shop.landing / "returns" / f"{new}.csv.gz").unlink()
    shop.land(new, now - PATIENCE - timedelta(minutes=1))
    assert shop.tick().run_requests


def test_a_day_that_is_not_over_is_left_alone_and_the_others_are_not(shop) -> None:
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    shop.take(yesterday - timedelta(days=1), NOW)
    shop.land(yesterday - timedelta(days=1), NOW - timedelta(hours=1))
    shop.land(yesterday, NOW)
    shop.land(today, NOW)
    [request] = shop.tick().run_requests
    assert request.partition_key == str(yesterday)


def test_a_withdrawn_file_asks_for_its_ingestion_once(shop) -> None:
    gone = FRONTIER - timedelta(days=2)
    for day in (gone, FRONTIER):
        shop.take(day, NOW)
    shop.land(FRONTIER, NOW - timedelta(hours=1))
    [request] = shop.tick().run_requests
    assert (request.job_name, request.partition_key) == ("ingest", str(gone))
    [again] = shop.tick().run_requests
    assert again.run_key == request.run_key  # Dagster starts a key once


def test_a_failed_run_of_a_file_is_tried_again_and_the_third_failure_is_the_last(
    shop, instance
) -> None:
    shop.take(FRONTIER, NOW)
    shop.land(FRONTIER, NOW + timedelta(hours=1))
    keys = []
    for _ in range(MOST_ATTEMPTS):
        [request] = shop.tick().run_requests
        keys.append(request.run_key)
        instance.add_run(DagsterRun("ingest", tags=request.tags, status=DagsterRunStatus.FAILURE))
    assert len(set(keys)) == MOST_ATTEMPTS
    assert "nothing new" in str(shop.tick().skip_message)
    shop.land(FRONTIER, NOW + timedelta(hours=2))
    assert shop.tick().run_requests
