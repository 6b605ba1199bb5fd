"""Files beside the lake that nothing removes by itself, in `LEEWAY_HOME`."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from resources.settings import Settings

STAGED = timedelta(days=1)  # what is younger may be read right now
UNFINISHED = timedelta(days=14)  # a training that was killed is tried again within days
LOGS = timedelta(days=90)  # as long as dagster.yaml keeps the ticks that started a run
LARGEST_LOG = 10 * 1024**2


def sweep(settings: Settings, now: datetime) -> int:
    """Remove leftovers and return how many files and folders went. now: UTC.

    Copies of landing files and spilled rows that a killed process left, markers of Spark beside
    rows that are published or gone, states of trainings that nobody went on with, output of old
    runs. A large `run.log` is moved to `run.log.1`.
    """
    gone = [
        *older(_inside(settings.home / "staging"), now - STAGED),
        *older(_inside(settings.home, "spill*/*"), now - STAGED),
        *older(_inside(settings.checkpoints, "*/*"), now - UNFINISHED),
        *older(_inside(settings.dagster_home / "storage", "*/compute_logs"), now - LOGS),
        *older(_markers(settings), now - STAGED),
    ]
    for path in gone:
        with suppress(FileNotFoundError):  # another process sweeps its own
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    rotate(settings.home / "run.log")
    return len(gone) + remove_empty(settings, now - STAGED)


def older(paths: Iterator[Path], before: datetime) -> Iterator[Path]:
    """Return the paths whose newest file was last written before a time."""
    limit = before.replace(tzinfo=UTC).timestamp()
    for path in paths:
        written = _written(path)
        if written and max(written) < limit:
            yield path


def rotate(log: Path) -> None:
    """Begin a new log where it has grown large; one old one is kept."""
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_name("run.log.1"))


def remove_empty(settings: Settings, before: datetime) -> int:
    """Remove the empty folders of deliveries whose files were merged or deleted."""
    gone = 0
    folders = sorted(older(_below_raw(settings, "**/"), before), reverse=True)
    for folder in folders:  # children before their parents
        with suppress(FileNotFoundError):  # another process sweeps its own
            if not any(folder.iterdir()):
                folder.rmdir()
                gone += 1
    return gone


def _written(path: Path) -> list[float]:
    """Return when a path and all in it were written, but for what has gone meanwhile."""
    inside = (
        Path(folder, name)
        for folder, folders, files in os.walk(path)  # passes over a folder that has gone
        for name in (*folders, *files)
    )
    found = []
    for entry in (path, *inside):
        with suppress(FileNotFoundError):
            found.append(entry.stat().st_mtime)
    return found


def _inside(folder: Path, pattern: str = "*") -> Iterator[Path]:
    return folder.glob(pattern) if folder.is_dir() else iter(())


def _markers(settings: Settings) -> Iterator[Path]:
    """Return Spark's checksums and success markers, which the catalog never names."""
    for pattern in ("**/.*.crc", "**/_SUCCESS"):
        yield from _below_raw(settings, pattern)


def _below_raw(settings: Settings, pattern: str) -> Iterator[Path]:
    """Return what lies in the deliveries' folders, `raw/<table>/<id>/...`."""
    raw = Path(settings.lake_data) / "raw"
    return (path for path in _inside(raw, pattern) if len(path.relative_to(raw).parts) >= 2)
