"""A Parquet file as text columns, so that it goes the same way as any other file.

Spark refuses some of the types that Parquet files have, and a file's types may change from day to
day; as text they meet the contract's types like the fields of a CSV file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from errors import DeliveryError
from ingestion.inspection import Inspected

ROWS = 1 << 16  # of a batch
BROKEN = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)


def inspect_parquet(path: Path) -> Inspected:
    """Return a staged file's columns and its number of rows, from its footer."""
    try:
        with pq.ParquetFile(path) as file:
            return Inspected(tuple(file.schema_arrow.names), file.metadata.num_rows)
    except BROKEN as error:
        return Inspected(problem=f"unreadable: {error}")


def rewrite_as_text(path: Path, header: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Replace a staged file by its wanted columns as text, each row in its place.

    header: the contract's names of the file's columns, in file order. Returns why that cannot be
    done, or None. Raises DeliveryError where the copy cannot be written.
    """
    target = path.with_suffix(".text")
    try:
        with pq.ParquetFile(path) as file:
            _write(target, wanted, _batches(file, header, wanted))
    except BROKEN as error:
        return f"unreadable: {error}"
    target.replace(path)
    return None


def _batches(
    file: pq.ParquetFile, header: Sequence[str], wanted: Sequence[str]
) -> Iterator[list[pa.Array]]:
    for batch in file.iter_batches(ROWS):
        yield [_text(name, batch.column(header.index(name))) for name in wanted]


def _write(target: Path, names: Sequence[str], batches: Iterator[list[pa.Array]]) -> None:
    schema = pa.schema([(name, pa.string()) for name in names])
    with _writing(target):
        writer = pq.ParquetWriter(target, schema)
    try:
        for columns in batches:
            with _writing(target):
                writer.write_batch(pa.record_batch(columns, schema=schema))
    finally:
        with _writing(target):
            writer.close()


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """A copy that cannot be written says nothing about the file: its day fails, it is not held."""
    try:
        yield
    except BROKEN as error:
        raise DeliveryError(
            f"{target} cannot be written: {error}. Make room, then take the day in again"
        ) from error


def _text(name: str, values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_nested(kind):
        raise pa.ArrowInvalid(f"column {name} is {kind}: a field must hold one value")
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", "UTC" if kind.tz else None), safe=False)
    text = values.cast(pa.string())
    text.validate(full=True)
    if pc.any(pc.match_substring(text, "\0")).as_py():
        raise pa.ArrowInvalid(f"column {name} holds a NUL byte")
    return text
