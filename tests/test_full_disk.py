"""A full disk fails with what to do, leaves nothing half visible, and costs only a second run."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance, RunRequest

import ledger
from declared import declared
from definitions import build
from errors import DiskFullError
from launch import launch, require_room
from plan import over
from resources.dbt import manifest
from resources.lake import Lake
from resources.settings import Settings
from state import ready

PROJECT = Path(__file__).parent / "projects" / "other"
DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(3)]


class Disk:
    """A small disk of its own that can be filled and emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._filler = folder, folder / "filler"

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("wb", buffering=0) as file:
            while os.statvfs(self.folder).f_bavail:
                file.write(bytes(4096))

    def empty(self) -> None:
        """Give the room back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A tmpfs of 24 MB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "leeway-test", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def land(landing: Path) -> None:
    (landing / "readings").mkdir(parents=True)
    for day in DAYS:
        lines = [
            f"s{n:03},{day} {hour:02}:00:00,{n % 30},Rosa" for n in range(50) for hour in (6, 12)
        ]
        text = "\n".join(["Sensor,read_at,celsius,gardener", *lines])
        (landing / "readings" / f"{day}.csv").write_text(text + "\n")


def count(lake: Lake, table: str) -> int:
    return lake.rows(f"select count(*) as n from {table}")[0]["n"]


@pytest.mark.slow
def test_a_full_disk_stops_ingest_and_dbt_cleanly_and_a_second_run_succeeds(
    disk: Disk, spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path / "landing")
    (disk.folder / "data").mkdir()
    loaded = Settings(
        home=tmp_path, dbt_project_dir=PROJECT, threads=1, lake_data=f"{disk.folder}/data/"
    )
    for name, value in loaded.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "lake").mkdir()
    definitions = build(loaded)
    lake = ready(loaded, declared(manifest(loaded.home, loaded.dbt_project_dir)))
    ingest, features = over("ingest", DAYS[0], DAYS[-1]), over("history", DAYS[0], DAYS[-1])
    with DagsterInstance.ephemeral() as instance:
        disk.fill()
        with pytest.raises(DiskFullError, match=r"(?s)a disk is full.*make room"):
            launch(definitions, instance, ingest)
        assert count(lake, "ledger.deliveries") == count(lake, "raw.readings") == 0
        disk.empty()
        launch(definitions, instance, ingest)
        assert count(lake, "raw.readings") == 300
        launch(definitions, instance, RunRequest(job_name="views"))
        disk.fill()
        with pytest.raises(DiskFullError, match=r"(?s)a disk is full.*make room"):
            launch(definitions, instance, features)
        assert count(lake, "ledger.partitions") == count(lake, "features.sensor_days") == 0
        disk.empty()
        launch(definitions, instance, features)
        assert count(lake, "features.sensor_days") == 150


def test_a_full_disk_under_the_catalog_rolls_the_transaction_back(
    disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    lake = Lake(catalog=f"sqlite:{disk.folder}/catalog.sqlite", data=f"{tmp_path}/data/")
    ledger.prepare(lake)
    row = {"day": DAYS[0], "kind": "held", "subject": "readings", "message": "why " * 50_000}

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        for _ in range(5):
            ledger.insert(connection, "alerts", row)

    disk.fill()
    with pytest.raises(DiskFullError, match=f"bytes are left at {disk.folder}.*make room"):
        lake.transact(write)
    disk.empty()
    assert count(lake, "ledger.alerts") == 0
    lake.transact(write)
    assert count(lake, "ledger.alerts") == 5


def test_an_error_of_another_kind_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    require_room("ValueError: the shop is full", str(tmp_path))
