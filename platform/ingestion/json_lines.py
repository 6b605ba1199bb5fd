"""JSON lines as fields of text, on Spark's executors.

Spark's own JSON reader passes over what follows the first value of a line, and over keys that a
line has twice; a line is a row only where nothing of it would be lost.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from declaration import RawTable


def splitter(table: RawTable) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function that executors map over batches of `value`, `_name` and `_line`.

    Out: the contract's columns as text, then `_corrupt`, the line where it cannot be split, else
    null, then `_name` and `_line`.
    """
    known = {name: c.name for c in table.columns for name in (c.name, *c.aliases)}
    names = [column.name for column in table.columns]

    def split(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lines = batch.column("value").to_pylist()
            rows = [fields(line, known) for line in lines]
            columns = [
                pa.array([row.get(name) if row else None for row in rows], pa.string())
                for name in names
            ]
            torn = [
                None if row is not None else line for row, line in zip(rows, lines, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(
                [
                    *columns,
                    pa.array(torn, pa.string()),
                    batch.column("_name"),
                    batch.column("_line"),
                ],
                [*names, "_corrupt", "_name", "_line"],
            )

    return split


def fields(line: str, known: dict[str, str]) -> dict[str, str | None] | None:
    """Return the fields of a line by the contract's names, or None where it is no JSON object.

    Numbers keep every digit; a value with parts of its own keeps them as JSON. known: key in the
    file → column.
    """
    try:
        pairs = json.loads(
            line, parse_float=str, parse_int=str, parse_constant=_refuse, object_pairs_hook=_Pairs
        )
        if not isinstance(pairs, _Pairs):
            return None
        found = [(known[name], name, value) for name, value in pairs if name in known]
        row = {column: _text(line, name, value) for column, name, value in found}
        "".join(text or "" for text in row.values()).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    is_whole = len(row) == len(found) and not any("\0" in (text or "") for text in row.values())
    return row if is_whole else None


class _Pairs(list):
    """An object's keys and values, with keys that it has twice."""


def _text(line: str, name: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):  # parts of its own: as they are, numbers unquoted
        return json.dumps(json.loads(line)[name], ensure_ascii=False)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
