"""How well one column by itself predicts the label: what no honest feature does, an oracle does."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.column_types import is_numeric
from ml.task import Floats, Task

BINS = 20  # quantiles of a number, or its most frequent categories
LEAST_ROWS = 20  # in a bin that says something of its own

Places = np.ndarray[Any, np.dtype[np.int64]]


def skill(
    task: Task, known: tuple[pa.ChunkedArray, Floats], asked: tuple[pa.ChunkedArray, Floats]
) -> float:
    """The share of the best constant's loss on `asked` that the column saves.

    known: its values and the labels, shape [rows], that each bin's constant is learned from; asked:
    those of other rows. 0 where it says nothing, 1 where it tells the label.
    """
    (column, labels), (other, truth) = known, asked
    bins, places = binned(column, other)
    constant = task.constant(labels)
    said = np.repeat(constant, 1 + max(bins.max(initial=0), places.max(initial=0)), axis=0)
    for number, rows in zip(*np.unique(bins, return_counts=True), strict=True):
        if rows >= LEAST_ROWS:
            said[number] = task.constant(labels[bins == number])[0]
    usual = task.losses(truth, np.repeat(constant, len(truth), axis=0))
    return 1 - float(task.losses(truth, said[places]).mean() / usual.mean())


def binned(column: pa.ChunkedArray, other: pa.ChunkedArray) -> tuple[Places, Places]:
    """Number the bins of two columns, shape [rows], alike; those of missing values are 0."""
    return _quantiles(column, other) if is_numeric(column.type) else _levels(column, other)


def _quantiles(column: pa.ChunkedArray, other: pa.ChunkedArray) -> tuple[Places, Places]:
    numbers = [each.cast(pa.float64(), safe=False).to_numpy() for each in (column, other)]
    finite = numbers[0][np.isfinite(numbers[0])]
    shares = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.unique(np.quantile(finite, shares)) if len(finite) else np.empty(0)
    places = [np.where(np.isnan(n), 0, 1 + np.searchsorted(edges, n, "right")) for n in numbers]
    return places[0], places[1]


def _levels(column: pa.ChunkedArray, other: pa.ChunkedArray) -> tuple[Places, Places]:
    texts = [each.cast(pa.string()).combine_chunks() for each in (column, other)]
    counted = pc.value_counts(pc.drop_null(texts[0])).to_pylist()
    ordered = sorted(counted, key=lambda each: (-each["counts"], each["values"]))
    levels = pa.array([each["values"] for each in ordered[:BINS]], pa.string())
    places = [
        pc.index_in(each, levels).fill_null(-1).to_numpy(zero_copy_only=False) + 1 for each in texts
    ]
    return places[0], places[1]
