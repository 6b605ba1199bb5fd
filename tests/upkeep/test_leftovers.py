import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.settings import Settings
from upkeep import leftovers
from upkeep.leftovers import older, sweep

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def written(path: Path, ago: timedelta, content: str = "x") -> Path:
    """Write a file, and age it and every folder above it inside home."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    age(path, ago)
    return path


def age(path: Path, ago: timedelta) -> None:
    moment = (NOW - ago).timestamp()
    for entry in (path, *list(path.parents)[:5]):
        os.utime(entry, (moment, moment))


@pytest.mark.parametrize("folder", ["staging", "spill-71"])
def test_what_a_killed_process_has_put_aside_goes_after_a_day(home: Settings, folder: str) -> None:
    old = written(home.home / folder / "a" / "lines.csv", timedelta(hours=25))
    young = written(home.home / folder / "b" / "lines.csv", timedelta(hours=23))
    age(old, timedelta(hours=25))
    sweep(home, NOW)
    assert not old.parent.exists()
    assert young.exists()


def test_the_state_of_a_training_that_nobody_goes_on_with_goes_after_two_weeks(
    home: Settings,
) -> None:
    old = written(home.checkpoints / "repeat_purchase" / "candidate-window", timedelta(days=15))
    young = written(home.checkpoints / "repeat_purchase" / "candidate-change", timedelta(days=13))
    age(old, timedelta(days=15))
    sweep(home, NOW)
    assert not old.exists()
    assert young.exists()


def test_a_copy_that_is_still_written_stays_however_old_its_folder_is(home: Settings) -> None:
    folder = home.home / "staging" / "a"
    written(folder / "first.csv", timedelta(days=3))
    written(folder / "second.csv", timedelta(hours=1))
    age(folder, timedelta(days=3))
    sweep(home, NOW)
    assert (folder / "second.csv").exists()


def test_what_another_process_removes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    old = written(tmp_path / "a" / "lines.csv", timedelta(days=3)).parent
    (old / "gone.csv").symlink_to(tmp_path / "removed")  # listed, and not there any more
    age_all = (NOW - timedelta(days=3)).timestamp()
    os.utime(old, (age_all, age_all))
    found = older(iter([tmp_path / "removed", old]), NOW - timedelta(days=1))
    assert list(found) == [old]


def test_output_of_old_runs_goes_and_other_files_beside_it_stay(home: Settings) -> None:
    storage = home.dagster_home / "storage"
    old = written(storage / "run-1" / "compute_logs" / "step.err", timedelta(days=91))
    kept = written(storage / "run-1" / "result", timedelta(days=91))
    young = written(storage / "run-2" / "compute_logs" / "step.err", timedelta(days=89))
    sweep(home, NOW)
    assert not old.parent.exists()
    assert kept.exists()
    assert young.exists()


def test_spark_s_markers_and_empty_folders_of_deliveries_go(home: Settings) -> None:
    raw = Path(home.lake_data) / "raw"
    day = raw / "lines" / "id" / "_rejected=false" / "_day=2024-01-01"
    written(day / ".part-0.parquet.crc", timedelta(days=2))
    written(raw / "lines" / "id" / "_rejected=false" / "_SUCCESS", timedelta(days=2))
    rows = written(raw / "lines" / "other" / "part-0.parquet", timedelta(days=2))
    merged = written(raw / "lines" / "merged.parquet", timedelta(days=2))
    sweep(home, NOW)
    age(raw / "lines" / "id" / "_rejected=false" / "_day=2024-01-01", timedelta(days=2))
    sweep(home, NOW)
    assert not (raw / "lines" / "id").exists()
    assert rows.exists()
    assert merged.exists()


def test_what_spark_writes_right_now_stays(home: Settings) -> None:
    folder = Path(home.lake_data) / "raw" / "lines" / "id" / "_rejected=false"
    marker = written(folder / "_SUCCESS", timedelta(hours=1))
    empty = folder / "_temporary"
    empty.mkdir()
    age(empty, timedelta(hours=1))
    sweep(home, NOW)
    assert marker.exists()
    assert empty.exists()


def test_a_large_log_is_begun_anew_and_one_old_one_kept(home: Settings, monkeypatch) -> None:
    monkeypatch.setattr(leftovers, "LARGEST_LOG", 100)
    log = home.home / "run.log"
    for content in ("a" * 99, "b" * 101, "c" * 101):
        log.write_text(content)
        sweep(home, NOW)
    assert not log.exists()
    assert (home.home / "run.log.1").read_text() == "c" * 101


def test_a_home_without_any_of_it_is_fine(tmp_path: Path) -> None:
    assert sweep(Settings(home=tmp_path), NOW) == 0
