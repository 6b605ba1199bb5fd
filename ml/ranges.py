"""What a model has seen of each column: the range of numbers, the levels of categories."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.column_types import is_numeric

LEVELS = 12  # most frequent ones that are named
LONGEST = 60  # characters of a level


@dataclass(frozen=True)
class Range:
    """A column as it was in some rows; `missing` is the share of null values."""

    column: str
    missing: float
    seen: str


def ranges(rows: pa.Table, columns: Sequence[str]) -> tuple[Range, ...]:
    """Describe columns, numbers or categories, over all rows."""
    return tuple(_range(name, rows[name]) for name in columns)


def _range(name: str, values: pa.ChunkedArray) -> Range:
    missing = values.null_count / max(len(values), 1)
    known = values.drop_null()
    if not len(known):
        return Range(name, missing, "no value")
    return Range(name, missing, _numbers(known) if is_numeric(values.type) else _levels(known))


def _numbers(values: pa.ChunkedArray) -> str:
    low, middle, high = np.quantile(values.cast(pa.float64()).to_numpy(), [0, 0.5, 1])
    return f"{low:.6g} to {high:.6g}, median {middle:.6g}"


def _levels(values: pa.ChunkedArray) -> str:
    counts = pc.value_counts(values.cast(pa.string())).to_pylist()
    largest = sorted(counts, key=lambda count: (-count["counts"], count["values"]))
    named = [f"{count['values'][:LONGEST]} ({count['counts']:,})" for count in largest[:LEVELS]]
    more = len(largest) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
