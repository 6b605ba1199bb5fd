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
    different = _different(offers, rows[columns.time])
    return {split: counted(split.parts(rows, columns)) for split in different}


def learnable(offers: Sequence[Split], keys: pa.Table, time: str, entity: str) -> dict[str, int]:
    """Return how many rows each recipe that teaches something different would learn from.

    keys: the key columns of the rows that there are. Nothing is split yet, so a decision can ask
    before anything is read.
    """
    different = _different(offers, keys[time])
    return {split.recipe.name: int(split.learns(keys, time, entity).sum()) for split in different}


def _different(offers: Sequence[Split], time: pa.ChunkedArray) -> list[Split]:
    available = set(time.cast(pa.date32()).unique().to_pylist())
    by_recipe = {split.recipe: split for split in offers}
    ends = [split.train_days[-1] for split in offers if split.train_days]
    return [by_recipe[r] for r in distinct(list(by_recipe), max(ends), available)] if ends else []


def counted(parts: Parts) -> dict[str, int]:
    """Return the number of rows by use, and of those that have none."""
    used = {name: getattr(parts, name).num_rows for name in ("train", "holdout", "test")}
    return {**used, "set_aside": parts.set_aside}


def matured(counts: Mapping[str, int]) -> int:
    """Return how many rows there are to learn from, those of held-out entities included."""
    return counts["train"] + counts["holdout"] + counts["set_aside"]
