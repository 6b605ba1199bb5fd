"""Which of the offered recipes are worth a training: those that teach something of their own."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from ml.recipes import distinct
from ml.schema import Schema
from ml.splits import Parts, Split


def distinct_splits(
    offers: Sequence[Split], rows: pa.Table, columns: Schema
) -> dict[Split, dict[str, int]]:
    """Return the splits that teach different things, of equal ones the first, and their rows."""
    available = set(rows[columns.time].cast(pa.date32()).unique().to_pylist())
    by_recipe = {split.recipe: split for split in offers}
    ends = [split.train_days[-1] for split in offers if split.train_days]
    different = distinct(list(by_recipe), max(ends), available) if ends else ()
    return {by_recipe[r]: counted(by_recipe[r].parts(rows, columns)) for r in different}


def counted(parts: Parts) -> dict[str, int]:
    """Return the number of rows by use."""
    return {name: getattr(parts, name).num_rows for name in ("train", "holdout", "test")}


def learned(counts: Mapping[str, int]) -> int:
    """Return how many rows are learned from, those that only stop the training included."""
    return counts["train"] + counts["holdout"]
