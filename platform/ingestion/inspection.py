"""What a staged file holds, told by other means than Spark: its header, its records, its flaws.

Spark's count of rows is compared with this one before a delivery is published.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from ingestion.lines import FlawError, Lines

SPACE = b" \t\r\v\f"


@dataclass(frozen=True)
class Inspected:
    """What a file holds.

    header: names as the file has them. records: how many follow. problem: why it is held. longest:
    no record has more bytes of text.
    """

    header: tuple[str, ...] = ()
    records: int | None = None
    problem: str | None = None
    longest: int = 0


def inspect_text(path: Path, text_format: str, longest: int) -> Inspected:
    """Read a staged CSV file, or one of JSON lines, to its end; `.gz` is unpacked.

    longest: bytes that a record may have. Of JSON lines the header is what the first one names.
    """
    read = {"csv": _csv, "json": _json}[text_format]
    try:
        with _open(path) as file:
            return read(Lines(file, longest))
    except FlawError as flaw:
        return Inspected(problem=f"unreadable: {flaw}")


def _csv(lines: Lines) -> Inspected:
    csv.field_size_limit(sys.maxsize)  # `Lines` bounds the whole record
    records = _records(lines)
    header = tuple(next(records, []))
    count = lines.skip(blank=b"\r", quotes=True)
    for fields in records:
        count += bool(fields)
        if lines.at_block_end:
            count += lines.skip(blank=b"\r", quotes=True)
    return Inspected(header, count, longest=lines.longest)


def _records(lines: Lines) -> Iterator[list[str]]:
    """Yield the fields of each record; refuse one that only a stray quote makes so long.

    It would go on over several lines, and the records in them would be lost in one of its fields.
    """
    first, last = 1, lines.record
    for fields in csv.reader(lines):
        if lines.number > first and (error := _misquoted(lines.record)):
            raise FlawError(f"the quote that opens in line {first} does not close: {error}")
        last = lines.record
        yield fields
        lines.start_record()
        first = lines.number + 1
    if "end of data" in (error := _misquoted(last)):
        raise FlawError(f"the quote that opens in line {lines.number} does not close: {error}")


def _json(lines: Lines) -> Inspected:
    first = next((line for line in lines if line.strip()), "")
    return Inspected(_keys(first), bool(first) + lines.skip(blank=SPACE))


def _keys(line: str) -> tuple[str, ...]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ()  # the line will be a rejected row, with its position
    return tuple(found) if isinstance(found, dict) else ()


def _misquoted(record: list[str]) -> str:
    try:
        for _ in csv.reader(record, strict=True):
            pass
    except csv.Error as error:
        return str(error)
    return ""


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
