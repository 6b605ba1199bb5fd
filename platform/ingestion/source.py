"""Where landing files are: a local folder or an S3 bucket, told by the path alone.

S3 takes its credentials, AWS_REGION and AWS_ENDPOINT_URL from the environment.
"""

import os
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from pyarrow import fs

from errors import DeliveryError

S3 = "s3://"
K = TypeVar("K", bound=Hashable)


def located(path: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a path, and the path inside it."""
    if path.startswith(S3):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return _s3(endpoint, region), path.removeprefix(S3)
    return fs.LocalFileSystem(), path


def look(path: str) -> fs.FileInfo | None:
    """Return size and time of a file, or None where there is none.

    Raises DeliveryError where nobody can tell: "could not read" is not "no file".
    """
    return _look({path: path}).get(path)


def written(paths: Mapping[K, str]) -> dict[K, datetime]:
    """Return when each file was last written, UTC without zone, for paths that have a file."""
    return {key: written_at(info) for key, info in _look(paths).items()}


def written_at(info: fs.FileInfo) -> datetime:
    """Return when a file was last written, UTC without zone."""
    return datetime.fromtimestamp(info.mtime_ns / 1e9, UTC).replace(tzinfo=None)


def is_there(folder: str) -> bool:
    """Return whether a landing folder exists; on S3 its bucket, where empty folders are not."""
    system, inside = located(folder)
    if folder.startswith(S3):
        inside = inside.split("/", 1)[0]
    return bool(system.get_file_info(inside).type == fs.FileType.Directory)


@lru_cache
def _s3(endpoint: str | None, region: str | None) -> fs.FileSystem:
    return fs.S3FileSystem(endpoint_override=endpoint, region=region, connect_timeout=10)


def _look(paths: Mapping[K, str]) -> dict[K, fs.FileInfo]:
    """Look for all files at once, which is what S3 is quick at."""
    systems = [located(path) for path in paths.values()]
    try:
        infos = systems[0][0].get_file_info([inside for _, inside in systems]) if systems else []
    except OSError as error:
        first = next(iter(paths.values()))
        raise DeliveryError(f"cannot look for {first}: {error}") from error
    found = {}
    for (key, path), info in zip(paths.items(), infos, strict=True):
        if info.type == fs.FileType.Directory:
            raise DeliveryError(f"{path} is a folder: `ingest.path` must name one file per day")
        if info.type != fs.FileType.NotFound:
            found[key] = info
    return found
