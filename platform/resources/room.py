"""Whether an error means that a disk is full."""

import shutil
from pathlib import Path

from errors import DiskFullError

SQLITE_NEEDS = 1024 * 1024  # bytes; with less it cannot even begin to read, and does not say why
FULL_SIGNS = ("no space left on device", "disk is full", "disk full")


def shortage(message: str, *folders: str | Path) -> DiskFullError | None:
    """Return the error to raise where a message says that a disk is full, or None.

    folders: where it may have been written; the one with the least room is named.
    """
    free, folder = min((shutil.disk_usage(there).free, there) for there in map(_there, folders))
    full = any(sign in message.lower() for sign in FULL_SIGNS)
    if not full and not ("disk i/o error" in message.lower() and free < SQLITE_NEEDS):
        return None
    words = message.strip().splitlines()[0][:300]
    return DiskFullError(
        f"a disk is full ({words}; {free:,} bytes are left at {folder}): make room, then run "
        "the same command again"
    )


def _there(folder: str | Path) -> Path:
    """Return the nearest folder above that exists."""
    path = Path(folder)
    return next(found for found in (path, *path.parents, Path()) if found.exists())
