import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import ledger
from errors import LakeBusyError, SetupError
from resources.lake import Lake
from upkeep import lake as module
from upkeep import pins
from upkeep.pins import pinned

FIRST = date(2024, 1, 1)
DECISION = {"model": "shop", "as_of": FIRST}
LOCKS = 1  # the file of ledger.locks, once its rows are flushed


@pytest.fixture
def pinned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One candidate is late enough to be pinned."""
    monkeypatch.setattr(pins, "LAST_CANDIDATES", 1)


def test_current_rows_stay_and_files_become_few(work_on_any, twice, days) -> None:
    work = twice(work_on_any)
    before = work.everything()
    kept = work.keep_up(8)
    assert work.everything() == before
    assert (kept.files_before, kept.files_after, kept.left) == (days, 1 + LOCKS, ())


def test_files_that_nothing_names_go_a_day_after_they_were_released(work, twice, days) -> None:
    twice(work)
    assert len(work.files()) == 2 * days
    assert work.keep_up(8).snapshots_expired > 2 * days
    work.keep_up(10)
    assert len(work.files()) == 1 + LOCKS
    assert work.rows()[-1]["score"] == days - 1


def test_a_file_that_was_just_released_may_still_be_read_and_stays(work, twice, days) -> None:
    twice(work)
    was = work.files()
    kept = work.keep_up(0)
    assert (kept.files_after, kept.files_deleted) == (1 + LOCKS, 0)
    assert was < work.files()


def test_snapshots_of_the_last_week_stay(work) -> None:
    work.score(0, 1.0)
    snapshot = work.lake.snapshot()
    work.score(0, 2.0)
    was = work.rows(snapshot)
    assert work.keep_up(6).snapshots_expired == 0
    assert work.rows(snapshot) == was


def test_a_pinned_snapshot_reads_the_same_rows_and_an_unpinned_one_is_gone(
    work_on_any, pinned_once: None
) -> None:
    work = work_on_any
    for day in range(2):
        work.score(day, 1.0)
    lived = work.train(2, version=1, promoted=True)
    was = work.rows(lived)
    for day in range(2):
        work.score(day, 2.0)
    unpinned = work.lake.snapshot()
    for version in (2, 3):
        work.score(version, 3.0)
        work.train(version + 10, version, promoted=False)
    now = work.rows()
    for days_later in (8, 16):
        work.keep_up(days_later)
    assert work.rows(lived) == was
    assert work.rows() == now
    with pytest.raises(duckdb.Error, match="No snapshot found"):
        work.rows(unpinned)


def test_every_champion_and_the_last_candidates_of_every_model_are_pinned(
    work, pinned_once: None
) -> None:
    snapshots = {}
    for version in range(1, 5):
        for model in ("shop", "bank"):
            snapshots[model, version] = work.train(version, version, version == 1, model)
    kept = {snapshots[model, n] for model in ("shop", "bank") for n in (1, 3, 4)}
    assert pinned(work.lake) == kept


def test_a_training_that_has_no_version_yet_is_pinned_by_its_manifest(work) -> None:
    snapshot = work.train(1, version=1, promoted=False)
    work.lake.transact(lambda db: db.execute("delete from ledger.versions"))
    assert pinned(work.lake) == {snapshot}


def test_a_version_whose_training_set_was_made_again_keeps_its_own_snapshot(work) -> None:
    first = work.train(1, version=1, promoted=True)
    again = work.train(1, version=2, promoted=True)
    assert pinned(work.lake) == {first, again}


def staged(folder: Path, day: int) -> Path:
    """Write a delivery's file as Spark does."""
    place = folder / "_rejected=false" / f"_day={FIRST + timedelta(days=day)}" / "_delivery=abc"
    place.mkdir(parents=True)
    target = place / "part-0.parquet"
    duckdb.sql(f"copy (select range as x from range(20)) to '{target}' (format parquet)")
    return target


def test_deliveries_are_merged_with_the_columns_that_their_folders_name(work) -> None:
    lake = work.lake
    columns = "x bigint, _day date, _delivery varchar"
    lake.transact(lambda db: db.execute(f"create table raw.lines ({columns})"))
    for day in range(5):
        file = staged(Path(lake.data) / "raw" / "lines" / f"id{day}", day)
        call = f"call ducklake_add_data_files('lake', 'lines', '{file}', schema => 'raw', "
        call += "hive_partitioning => true)"
        lake.transact(lambda db, call=call: db.execute(call))
    was = lake.rows("select * from raw.lines order by all")
    for days_later in (8, 16):
        work.keep_up(days_later)
    assert lake.rows("select * from raw.lines order by all") == was
    assert len({row["_day"] for row in was}) == 5
    assert len(work.files()) == 1


def test_what_is_staged_is_spared_for_a_day(work) -> None:
    folder = Path(work.lake.data) / "raw" / "lines"
    young, old = staged(folder / "young", 1), staged(folder / "old", 2)
    moment = (datetime.now(UTC) - timedelta(hours=25)).timestamp()
    os.utime(old, (moment, moment))
    work.keep_up(0)
    assert young.exists()
    assert not old.exists()


def test_rows_of_the_ledger_leave_the_catalog_and_stay_rows(work_on_any) -> None:
    lake = work_on_any.lake
    for day in range(4):
        ledger.put(lake, "decisions", DECISION, {"kind": "none", "lane": str(day)})
    for days_later in (8, 16):
        work_on_any.keep_up(days_later)
    assert lake.rows("select lane from ledger.decisions") == [{"lane": "3"}]
    assert len(work_on_any.files()) == 1 + LOCKS
    ledger.put(lake, "decisions", DECISION, {"kind": "none", "lane": "again"})
    assert lake.rows("select lane from ledger.decisions") == [{"lane": "again"}]


def test_a_table_that_another_writer_keeps_busy_is_left_for_the_next_time(
    work, twice, days, monkeypatch, caplog
) -> None:
    real = module.compact

    def compact(lake: Lake, schema: str, table: str) -> None:
        if table == work.table:
            raise LakeBusyError("locked on 8 tries")
        real(lake, schema, table)

    monkeypatch.setattr(module, "compact", compact)
    kept = twice(work).keep_up(8)
    assert kept.left == (f"ml.{work.table}",)
    assert kept.files_after == days + LOCKS
    assert f"ml.{work.table} was not merged" in caplog.text


def test_another_catalog_s_upkeep_touches_no_file_of_a_shared_folder(work, twice, tmp_path) -> None:
    twice(work)
    was = work.files()
    other = Lake(catalog=f"sqlite:{tmp_path}/other.sqlite", data=work.lake.data)
    with pytest.raises(SetupError, match="LEEWAY_LAKE_DATA"):
        type(work)(other).keep_up(8)
    assert work.files() == was
    work.keep_up(8)
    assert Path(work.lake.data, "catalog.id").exists()
