"""Which landing files there are, and which delivery each would be. Files are only ever read."""

import csv
import gzip
import hashlib
import zlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from declaration import RawTable
from errors import DeliveryError


@dataclass(frozen=True)
class Landed:
    """What lies in the landing folder for one day.

    file: path, or None where the day has no file.
    header: names of the file's columns by the contract, in file order; unknown ones keep their own.
    problem: why the file cannot be read by the contract, or None.
    """

    day: date
    file: str | None
    file_hash: str | None
    delivery: str
    header: tuple[str, ...] = ()
    problem: str | None = None


def land(table: RawTable, landing: str, day: date) -> Landed:
    """Look at one day's landing file.

    Raises DeliveryError where the file is missing and the table declares `on_missing: fail`.
    """
    path = Path(table.ingest.path.format(landing=landing, partition=day.isoformat()))
    if not path.exists():
        return _missing(table, day, path)
    file_hash = hashlib.sha256(path.read_bytes()).hexdigest()
    delivery = delivery_id(file_hash, table.checksum)
    try:
        with _open(path) as lines:
            header = contract_names(table, next(csv.reader(lines), []))
            deque(lines, maxlen=0)  # to the end, so that a torn file is found before Spark meets it
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        return Landed(day, str(path), file_hash, delivery, problem=f"unreadable: {error}")
    return Landed(day, str(path), file_hash, delivery, header, header_problem(table, header))


def delivery_id(file_hash: str, contract: str) -> str:
    """Return 16 hex digits that name a file's content read by one contract."""
    return hashlib.sha256(f"{file_hash}{contract}".encode()).hexdigest()[:16]


def contract_names(table: RawTable, header: Sequence[str]) -> tuple[str, ...]:
    """Translate a file's header to the contract's column names by name or alias."""
    known = {name: c.name for c in table.columns for name in (c.name, *c.aliases)}
    stripped = [name.removeprefix("\ufeff").strip() for name in header]
    return tuple(known.get(name, name) for name in stripped)


def header_problem(table: RawTable, header: Sequence[str]) -> str | None:
    """Return why a header breaks the contract, or None."""
    if not header:
        return "schema: the file is empty, not even a header"
    missing = [column.name for column in table.columns if column.name not in header]
    if missing:
        return f"schema: no column for {', '.join(missing)}; the header reads {', '.join(header)}"
    repeated = [name for name, times in Counter(header).items() if times > 1]
    return f"schema: repeated column {', '.join(repeated)}" if repeated else None


def _missing(table: RawTable, day: date, path: Path) -> Landed:
    if table.ingest.on_missing == "fail":
        raise DeliveryError(f"{table.name} {day}: no file {path}, and on_missing is 'fail'")
    return Landed(day, None, None, delivery_id("", table.checksum))


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
