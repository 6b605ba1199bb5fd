"""The lines of a text file, checked as they are read; memory is bounded by the longest allowed."""

import csv
import zlib
from collections.abc import Iterator
from gzip import GzipFile
from io import BufferedReader

CHUNK = 1 << 18  # bytes
BOM = b"\xef\xbb\xbf"


class FlawError(Exception):
    """The file cannot be trusted; the message says where and why."""


class Lines:
    """A file's lines as text.

    longest: bytes that a record may have. Raises FlawError, with the line's number, at text that is
    not UTF-8, at NUL bytes, at longer records and where the file is torn.
    """

    def __init__(self, file: GzipFile | BufferedReader, longest: int) -> None:
        self.number = 0  # of the last line that was given out
        self.record: list[str] = []  # lines given out since the record started
        self.longest = 0  # bytes of a record: none had more
        self._size = 0  # of these, in bytes
        self._longest = longest
        self._block, self._at = b"", 0
        self._blocks = _blocks(file, longest)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at_block_end and not self._next_block():
            raise StopIteration
        end = self._block.find(b"\n", self._at) + 1 or len(self._block)
        line = self._block[self._at : end].rstrip(b"\r\n")
        self._at, self.number, self._size = end, self.number + 1, self._size + len(line)
        self.longest = max(self.longest, self._size)
        if self._size > self._longest:
            raise _too_long(self.number, self._longest)
        text = _for_csv(line) + "\n"
        self.record.append(text)
        return text

    def start_record(self) -> None:
        """Forget the lines given out so far."""
        self.record, self._size = [], 0

    @property
    def at_block_end(self) -> bool:
        """Whether the next line is the first of a block."""
        return self._at == len(self._block)

    def skip(self, blank: bytes, *, quotes: bool = False) -> int:
        """Pass over the lines block by block and count those that hold something.

        blank: characters that count as nothing. quotes: ends before the first block that has a
        record of several lines.
        """
        count = 0
        self.start_record()
        while not self.at_block_end or self._next_block():
            block = self._block[self._at :]
            if quotes and not _is_one_a_line(block):
                break
            count += _not_blank(block, blank)
            self.number += block.count(b"\n")
            self._at = len(self._block)
        return count

    def _next_block(self) -> bool:
        self._block, self._at = next(self._blocks, b""), 0
        self.longest = max(self.longest, *map(len, self._block.split(b"\n")))
        return self._block != b""


def _for_csv(line: bytes) -> str:
    # only a line feed ends a line; Python's CSV reader would stop at a lone carriage return
    return line.rstrip(b"\r").decode().replace("\r", " ")


def _is_one_a_line(block: bytes) -> bool:
    """Return whether every CSV record of a block, which begins with one, ends with its line."""
    if b'"' not in block:
        return True
    quoted = [_for_csv(line) for line in block.split(b"\n") if b'"' in line]
    # a record that goes on takes the line after it, the last one the line that is put there
    return sum(1 for _ in csv.reader([*quoted, "end"])) == len(quoted) + 1


def _not_blank(block: bytes, blank: bytes) -> int:
    signs = [bytes([sign]) for sign in b"\n" + blank]
    if block.startswith(tuple(signs)) or any(b"\n" + sign in block for sign in signs):
        return sum(1 for line in block.split(b"\n") if line.strip(blank))
    return block.count(b"\n") + (not block.endswith(b"\n"))


def _blocks(file: GzipFile | BufferedReader, longest: int) -> Iterator[bytes]:
    """Yield whole lines, about CHUNK bytes at a time, without a byte order mark."""
    before, rest = 0, b""  # lines before the block, and what was read of the line after it
    mark = BOM
    while chunk := _read(file, before):
        text, mark = rest + chunk.removeprefix(mark), b""
        cut = text.rfind(b"\n") + 1
        block, rest = text[:cut], text[cut:]
        _check(block, before, longest)
        before += block.count(b"\n")
        if len(rest) > longest:
            raise _too_long(before + 1, longest)
        if block:
            yield block
    _check(rest, before, longest)
    if rest:
        yield rest


def _read(file: GzipFile | BufferedReader, before: int) -> bytes:
    try:
        return file.read(CHUNK)
    except (OSError, EOFError, zlib.error) as error:
        raise FlawError(f"torn after line {before}: {error}") from error


def _check(block: bytes, before: int, longest: int) -> None:
    if b"\0" in block:
        raise FlawError(f"a NUL byte in line {_line(block, block.index(0), before)}")
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = _line(block, error.start, before)
        raise FlawError(
            f"line {line} is not UTF-8: {error.reason} {error.object[error.start]:#x}"
        ) from error
    if len(block) > longest:
        for number, text in enumerate(block.split(b"\n"), start=before + 1):
            if len(text) > longest:
                raise _too_long(number, longest)


def _line(block: bytes, at: int, before: int) -> int:
    return before + block.count(b"\n", 0, at) + 1


def _too_long(line: int, longest: int) -> FlawError:
    return FlawError(f"line {line} makes a record longer than max_line_bytes ({longest})")
