"""From table columns to tensors; fitted on training rows, kept inside the model artifact.

A number becomes its position among the training rows' quantiles: 0 at the lowest, one more at
every edge, so that heavy tails and units stop mattering and a value outside the training range
counts as the nearest edge. The network unfolds positions piecewise-linearly (Gorishniy et al.,
"On Embeddings for Numerical Features in Tabular Deep Learning", 2022). A missing number is NaN
here and has an input of its own there; a missing category and an unseen one are levels too.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from ml.errors import TrainingError
from ml.schema import Floats, Schema

UNSEEN, MISSING, FIRST_LEVEL = 0, 1, 2


@dataclass(frozen=True)
class Encoded:
    """Inputs of the network.

    `positions`: float32 [rows, numeric], NaN where missing; `codes`: int64 [rows, categorical].
    """

    positions: torch.Tensor
    codes: torch.Tensor


@dataclass(frozen=True)
class Preprocessing:
    """What was learned of each column: quantile edges (ascending, distinct) and known levels."""

    schema: Schema
    edges: tuple[tuple[float, ...], ...]
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(
        cls, table: pa.Table, schema: Schema, bins: int, min_level_rows: int
    ) -> "Preprocessing":
        """Learn from training rows; a level seen in fewer rows than `min_level_rows` is unseen."""
        if not table.num_rows:
            raise TrainingError("no training rows: widen the window, or wait until labels mature")
        schema.require(table, schema.features)
        return cls(
            schema,
            tuple(_edges(_numbers(table, name), bins) for name in schema.numeric),
            tuple(_levels(table[name], min_level_rows) for name in schema.categorical),
        )

    @property
    def bins(self) -> tuple[int, ...]:
        """Quantile bins of each number; a constant or all-null column has none."""
        return tuple(max(len(edges) - 1, 0) for edges in self.edges)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Codes of each category, unseen and missing included."""
        return tuple(len(levels) + FIRST_LEVEL for levels in self.levels)

    def transform(self, table: pa.Table) -> Encoded:
        """Encode rows in their order; raises SchemaError for a column that is absent or changed."""
        self.schema.require(table, self.schema.features)
        positions = np.empty((table.num_rows, len(self.edges)), np.float32)
        for i, (name, edges) in enumerate(zip(self.schema.numeric, self.edges, strict=True)):
            positions[:, i] = _positions(_numbers(table, name), edges)
        codes = np.empty((table.num_rows, len(self.levels)), np.int64)
        for i, (name, levels) in enumerate(zip(self.schema.categorical, self.levels, strict=True)):
            codes[:, i] = _codes(table[name], levels)
        return Encoded(torch.from_numpy(positions), torch.from_numpy(codes))

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold without loss."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocessing":
        """Read back `to_dict`."""
        schema = dict(values["schema"])
        schema |= {key: tuple(schema[key]) for key in ("numeric", "categorical")}
        return cls(
            Schema(**schema),
            tuple(tuple(edges) for edges in values["edges"]),
            tuple(tuple(levels) for levels in values["levels"]),
        )


def _numbers(table: pa.Table, name: str) -> Floats:
    return table[name].cast(pa.float64()).to_numpy()


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.large_string())


def _edges(values: Floats, bins: int) -> tuple[float, ...]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ()
    return tuple(np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1))).tolist())


def _positions(values: Floats, edges: tuple[float, ...]) -> Floats:
    """Position among the edges, clipped to their range; a column without edges keeps its NaN."""
    if not edges:
        return np.where(np.isnan(values), np.nan, 0.0)
    return np.interp(values, edges, np.arange(len(edges)))


def _levels(column: pa.ChunkedArray, min_rows: int) -> tuple[str, ...]:
    counts = pc.value_counts(_text(column).drop_null())
    return tuple(sorted(c["values"] for c in counts.to_pylist() if c["counts"] >= min_rows))


def _codes(column: pa.ChunkedArray, levels: tuple[str, ...]) -> np.ndarray[Any, Any]:
    text = _text(column)
    known = pc.index_in(text, value_set=pa.array(levels, pa.large_string()))
    codes = pc.fill_null(pc.add(known, FIRST_LEVEL), UNSEEN).to_numpy()
    return np.where(text.is_null().to_numpy(), MISSING, codes)
