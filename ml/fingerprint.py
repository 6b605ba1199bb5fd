"""A hash of rows: the same values in the same order give the same text, in any process.

Chunk borders, encodings (dictionary or plain), slices and metadata do not count; names, types,
order of rows and columns, nulls and every bit of every value do.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from ml.errors import SchemaError

DIGEST_BYTES = 16


def fingerprint(table: pa.Table) -> str:
    """Hash a table, 32 hex characters; raises SchemaError for nested columns."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(str(table.num_rows).encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = _plain(column, name)
        digest.update(f"\0{name}\0{array.type}\0".encode())
        for part in _canonical(array):
            digest.update(part)
    return digest.hexdigest()


def by_day(table: pa.Table, time: str) -> dict[str, str]:
    """Hash each day's rows, `{"2011-07-31": hash}`, in ascending order of day."""
    days = table[time].cast(pa.date32())
    return {
        day.isoformat(): fingerprint(table.filter(pc.equal(days, day)))
        for day in sorted(pc.unique(days).to_pylist())
    }


def _plain(column: pa.ChunkedArray, name: str) -> pa.Array:
    """One contiguous array: no dictionary, one type for all text, whole bytes for booleans."""
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kinds.is_string(column.type) or kinds.is_string_view(column.type):
        column = column.cast(pa.large_string())
    if kinds.is_boolean(column.type):
        column = column.cast(pa.uint8())
    flat = (kinds.is_large_string, kinds.is_primitive, kinds.is_decimal)
    if not any(is_kind(column.type) for is_kind in flat):
        raise SchemaError(f"column {name!r} has type {column.type}: cast it to a number or text")
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _canonical(array: pa.Array) -> Iterator[bytes | memoryview]:
    """Which rows are null, then the values; bytes under a null or outside a slice do not count."""
    yield np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes()
    text = kinds.is_large_string(array.type)
    if array.null_count:
        array = pc.fill_null(array, "" if text else pa.scalar(0).cast(array.type))
    if not len(array):
        return
    first, last = array.offset, array.offset + len(array)
    buffers = array.buffers()
    if text:
        ends = np.frombuffer(buffers[1], np.int64)[first : last + 1]
        yield np.diff(ends).tobytes()
        yield memoryview(buffers[2] or b"")[ends[0] : ends[-1]]
    else:
        width = array.type.bit_width // 8
        yield memoryview(buffers[1])[first * width : last * width]
