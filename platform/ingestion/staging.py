"""A private copy of every landing file, so that hash, counts and rows are of one content."""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from errors import DeliveryError
from ingestion.source import located, look, written_at

CHUNK = 1 << 20  # bytes
TRIES = 3


@dataclass(frozen=True)
class Staged:
    """SHA-256 of a copied file, and when the original was last written, UTC without zone."""

    file_hash: str
    written: datetime


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder that is gone afterwards, as are those of processes that were killed.

    A lock file beside each folder, held while its process lives, tells the two apart.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    folder = parent / uuid.uuid4().hex
    with FileLock(_lock(folder)):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
            _lock(folder).unlink(missing_ok=True)


def stage(path: str, target: Path) -> Staged:
    """Copy a landing file, in chunks, and return what was copied.

    A file whose size or time differs after the copy is copied again. Raises DeliveryError where
    that goes on, and where the file cannot be read or copied.
    """
    for _ in range(TRIES):
        try:
            before = look(path)
            file_hash = _copy(path, target)
            after = look(path)
        except OSError as error:
            raise DeliveryError(f"{path} cannot be copied to {target.parent}: {error}") from error
        if before and after and (before.size, before.mtime_ns) == (after.size, after.mtime_ns):
            return Staged(file_hash, written_at(after))
    raise DeliveryError(
        f"{path} is still being written, it changed during each of {TRIES} copies: "
        "run again when it is complete; write under another name and rename at the end"
    )


def _copy(path: str, target: Path) -> str:
    system, inside = located(path)
    digest = hashlib.sha256()
    with system.open_input_stream(inside, compression=None) as source, target.open("wb") as copy:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    return digest.hexdigest()


def _sweep(parent: Path) -> None:
    """Remove the folders of processes that were killed: the system has let go of their locks."""
    for lock in parent.glob("*.lock"):
        try:
            with FileLock(lock, blocking=False):
                # another process may sweep it too
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
        except Timeout:
            continue  # its process is at work


def _lock(folder: Path) -> Path:
    return folder.with_suffix(".lock")
