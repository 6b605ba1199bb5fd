"""Which landing files there are, and which delivery each would be. Files are only ever read."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from declaration import RawTable
from errors import DeliveryError
from ingestion.inspection import inspect_text
from ingestion.parquet import inspect_parquet, rewrite_as_text
from ingestion.source import look
from ingestion.staging import stage


@dataclass(frozen=True)
class Landed:
    """What lies in the landing folder for one day.

    file: path, or None where the day has no file.
    header: names of the file's columns by the contract, in file order; unknown ones keep their own.
    problem: why the file cannot be read by the contract, or None.
    records: how many the file holds, counted without Spark; None where nobody could tell.
    extra: columns of the file that the contract does not have; they are not stored. Of JSON lines
        those of the first line. None where the file has a problem: they may be data.
    staged: the copy that Spark reads, or None where there is nothing to read.
    longest: bytes of a CSV record; none has more.
    replays: see `replayed`.
    written: when the file was last written, UTC without zone.
    """

    day: date
    file: str | None
    file_hash: str | None
    delivery: str
    header: tuple[str, ...] = ()
    problem: str | None = None
    records: int | None = None
    extra: tuple[str, ...] = ()
    staged: str | None = None
    longest: int = 0
    written: datetime | None = None
    replays: str | None = None


def land(
    table: RawTable, landing: str, day: date, folder: Path, current: str | None = None
) -> Landed:
    """Copy one day's landing file to `folder` and look at what it holds.

    current: a delivery whose file need not be looked at again; then no copy stays.
    Raises DeliveryError where the file is missing and the table declares `on_missing: fail`, where
    it cannot be read, and where it keeps changing.
    """
    path = path_of(table, landing, day)
    if look(path) is None:
        return _missing(table, day, path)
    copy = folder / f"{day}.copy"
    source = stage(path, copy)
    delivery = delivery_id(source.file_hash, table.checksum)
    found = Landed(day, path, source.file_hash, delivery, written=source.written)
    if found.delivery == current:
        copy.unlink()
        return found
    # Spark tells rows apart by the name of the file that they come from
    staged = copy.rename(folder / f"{day}_{found.delivery}{_ending(path)}")
    looked = _inspected(table, staged, found)
    if looked.problem:
        staged.unlink()
        return looked
    return replace(looked, staged=str(staged))


def path_of(table: RawTable, landing: str, day: date) -> str:
    """Return the path of a day's landing file; it may not exist."""
    return table.ingest.path.format(landing=landing, partition=day.isoformat())


def delivery_id(file_hash: str, contract: str) -> str:
    """Return 16 hex digits that name a file's content read by one contract."""
    return hashlib.sha256(f"{file_hash}{contract}".encode()).hexdigest()[:16]


def replayed(contract: str, replays: str | None) -> str:
    """Return the contract of a delivery that judges anew the rows of the delivery `replays`.

    That one's parents have changed: the same file by the same contract is then another delivery.
    """
    return contract + (replays or "")


def contract_names(table: RawTable, header: Sequence[str]) -> tuple[str, ...]:
    """Translate a file's header to the contract's column names by name or alias."""
    known = {name: c.name for c in table.columns for name in (c.name, *c.aliases)}
    stripped = [name.strip() for name in header]
    return tuple(known.get(name, name) for name in stripped)


def header_problem(table: RawTable, header: Sequence[str]) -> str | None:
    """Return why a header breaks the contract, or None."""
    if not any(header):
        return "schema: the first line is empty, it must be the header"
    wanted = [column.name for column in table.columns]
    missing = [name for name in wanted if name not in header]
    if len(missing) == len(wanted):
        return f"schema: no header: none of the {len(header)} names in the first line is known"
    if missing:
        has = _shown(wanted, header)
        return f"schema: no column for {', '.join(missing)}; the header has {has}"
    repeated = [name for name, times in Counter(header).items() if times > 1]
    return f"schema: repeated column {_shown(wanted, repeated)}" if repeated else None


def _inspected(table: RawTable, staged: Path, found: Landed) -> Landed:
    """Add what the staged file holds; a Parquet file is replaced by its text."""
    kind, wanted = table.ingest.format, [column.name for column in table.columns]
    if kind == "parquet":
        inspected = inspect_parquet(staged)
    else:
        inspected = inspect_text(staged, kind, table.ingest.max_line_bytes)
    names = contract_names(table, inspected.header)
    problem = inspected.problem
    if not problem and kind != "json":  # a key that JSON lacks is a missing value
        problem = header_problem(table, names)
    if not problem and kind == "parquet":
        problem = rewrite_as_text(staged, names, wanted)
    return replace(
        found,
        header=tuple(wanted) if kind == "json" else names,
        problem=problem,
        records=inspected.records,
        longest=inspected.longest,
        extra=() if problem else tuple(name for name in names if name not in wanted),
    )


def _shown(wanted: Sequence[str], header: Sequence[str]) -> str:
    """Name the known ones only: where a file has no header, the others are somebody's data."""
    known = [name for name in header if name in wanted]
    unknown = len(header) - len(known)
    more = [f"{unknown} unknown name{'s' if unknown > 1 else ''}"] if unknown else []
    return " and ".join([", ".join(known)] * bool(known) + more)


def _ending(path: str) -> str:
    return ".gz" if path.endswith(".gz") else ".file"


def _missing(table: RawTable, day: date, path: str) -> Landed:
    if table.ingest.on_missing == "fail":
        raise DeliveryError(f"{table.name} {day}: no file {path}, and on_missing is 'fail'")
    return Landed(day, None, None, delivery_id("", table.checksum))
