"""What a text file holds, told without Spark."""

import csv
import gzip
import io
import tracemalloc
from pathlib import Path

import pytest

from ingestion import lines
from ingestion.inspection import Inspected, inspect_text

LONGEST = 1 << 20


@pytest.fixture
def csv_file(tmp_path: Path):
    def inspect(content: bytes, longest: int = LONGEST, name: str = "file") -> Inspected:
        path = tmp_path / name
        path.write_bytes(content)
        return inspect_text(path, "csv", longest)

    return inspect


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"a,b", 0),
        (b"a,b\n", 0),
        (b"a,b\n1,2\n3,4", 2),
        (b"a,b\n1,2\n3,4\n", 2),
        (b"a,b\r\n1,2\r\n3,4\r\n", 2),
        (b"a,b\n1,2\r\n3,4\n", 2),
        (b"a,b\n1,2\n\n3,4\n\n\n", 2),
        (b"a,b\r\n\r\n1,2\r\n\r\n", 1),
        (b"\xef\xbb\xbfa,b\n1,2\n", 1),
        (b'a,b\n1,"2\n3"\n4,5\n', 2),
        (b'a,b\r\n1,"2\r\n\r\n3"\r\n\r\n4,5\r\n', 2),
        (b'a,b\n1,20" screen\n"20" screen",5\n', 2),
        (b'a,b\n1,"say ""yes"""\n3,4\n', 2),
        (b"a,b\n1,2\rx\n3,4\n", 2),
        (b"a,b\n   \n1,2\n", 2),
        (b"a,b\n1\n1,2,3\n", 2),
    ],
)
def test_records_are_counted_as_a_person_would(csv_file, content: bytes, records: int) -> None:
    found = csv_file(content)
    assert (found.header, found.records, found.problem) == (("a", "b"), records, None)


@pytest.mark.parametrize("chunk", [3, 5, 7, 64])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_count_does_not_depend_on_where_blocks_end(
    csv_file, monkeypatch, chunk: int, ending: str
) -> None:
    monkeypatch.setattr(lines, "CHUNK", chunk)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending)
    rows = [["a", "größe"], ["1", "2"], ["3", "x\n\ny"], ["4", 'q"u'], ["5", "é,"], ["6", ""]]
    writer.writerows(rows)
    content = b"\xef\xbb\xbf" + (text.getvalue() + ending).encode()
    found = csv_file(content)
    assert (found.header, found.records, found.problem) == (("a", "größe"), 5, None)
    assert found.longest in (9, 10)  # the header, with CR or without


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a,b\n1,2\n3,Gr\xf6\xdfe\n", "line 3 is not UTF-8: invalid start byte 0xf6"),
        ("a,b\n1,2\n".encode("utf-16"), "a NUL byte in line 1"),
        (b"a,b\n1,2\n\n3,\0\n", "a NUL byte in line 4"),
        (b'a,b\n1,"2\n3,4\n', "the quote that opens in line 2 does not close"),
        (b'a,b\n1,2\n3,"4', "the quote that opens in line 3 does not close"),
        (b'a,b\n1,"2\n3,4\n5,"6\n7,8\n', "the quote that opens in line 2 does not close"),
        (b'a,"b\n1,2\n', "the quote that opens in line 1 does not close"),
    ],
)
def test_a_flaw_is_named_with_its_line(csv_file, content: bytes, problem: str) -> None:
    found = csv_file(content)
    assert f"unreadable: {problem}" in str(found.problem)
    assert found.records is None


def test_a_line_and_a_record_that_are_too_long_are_named(csv_file) -> None:
    good = b"a,b\n" + b"1,2\n" * 50
    assert csv_file(good + b"x" * 97 + b",2\n", longest=100).problem is None
    assert "line 52 makes a record longer than max_line_bytes (100)" in str(
        csv_file(good + b"x" * 99 + b",2\n3,4\n", longest=100).problem
    )
    assert "line 63 makes a record longer" in str(
        csv_file(good + b'"' + b"text text\n" * 20 + b'",2\n', longest=100).problem
    )


def torn(content: bytearray, at: int) -> bytes:
    content[at : at + 3] = bytes([255]) * 3
    return bytes(content)


@pytest.mark.parametrize("at", [0, 10, 12, -4])
def test_an_archive_with_damaged_bytes_is_torn(csv_file, at: int) -> None:
    text = "a,b\n" + "".join(f"{n * 7919 % 10007},2\n" for n in range(2000))
    packed = bytearray(gzip.compress(text.encode(), mtime=0))
    assert "torn after line" in str(csv_file(torn(packed, at), name="file.gz").problem)


@pytest.mark.parametrize("cut", [1, 8, 12, 2000])
def test_an_archive_that_ends_early_is_torn(csv_file, cut: int) -> None:
    text = "a,b\n" + "".join(f"{n * 7919 % 10007},2\n" for n in range(2000))
    packed = gzip.compress(text.encode(), mtime=0)
    assert "torn after line" in str(csv_file(packed[:-cut], name="file.gz").problem)
    assert csv_file(packed, name="file.gz").records == 2000


def test_a_line_of_a_gigabyte_is_named_and_costs_bounded_memory(tmp_path: Path) -> None:
    block = gzip.compress(b"x" * (1 << 24), mtime=0)  # an archive may have several parts
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000) + block * 64)
    tracemalloc.start()
    try:
        found = inspect_text(path, "csv", LONGEST)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "line 100002 makes a record longer than max_line_bytes" in str(found.problem)
    assert peak < 16 << 20


def test_json_lines_that_hold_something_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'\n{"a": 1, "b": "x\\n"}\r\n \t\n{broken\n\n{"a": 2}')
    found = inspect_text(path, "json", LONGEST)
    assert (found.header, found.records) == (("a", "b"), 3)
    path.write_bytes(b"")
    assert inspect_text(path, "json", LONGEST) == Inspected((), 0)
