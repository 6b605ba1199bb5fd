"""What the gate is shown: matured test rows and, separately keyed, each model's predictions.

Every model brings the keys it predicted, so that the gate can see missing, repeated or shuffled
rows instead of trusting that arrays of equal length belong together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ml.evaluation import slice_values
from ml.schema import Floats, Schema

Values = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Keys:
    """Grain of rows: entity as text, day as datetime64[D], both of shape [rows]."""

    entity: Values
    day: Values

    @classmethod
    def of(cls, table: pa.Table, schema: Schema) -> "Keys":
        """Read the keys of a table's rows, in its order."""
        entity = table[schema.entity].cast(pa.string()).to_numpy().astype(str)
        return cls(entity, table[schema.time].cast(pa.date32()).to_numpy().astype("datetime64[D]"))

    def pairs(self) -> list[tuple[str, Any]]:
        """Keys as hashable values."""
        return list(zip(self.entity.tolist(), self.day.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.entity)


@dataclass(frozen=True)
class Scored:
    """One model's probabilities of shape [rows] and the rows they are for."""

    keys: Keys
    predictions: Floats

    @classmethod
    def of(cls, table: pa.Table, schema: Schema, predictions: Floats) -> "Scored":
        """Predictions for a table's rows, in its order."""
        return cls(Keys.of(table, schema), predictions)


@dataclass(frozen=True)
class Evidence:
    """All that a verdict may rest on.

    `first` says that there is no champion yet; a champion that could not be read is None with
    `first` False, and refused. `reload_difference` is the largest absolute difference between the
    candidate's predictions and those of its artifact loaded in a clean process.
    """

    keys: Keys
    labels: Floats
    candidate: Scored | None
    champion: Scored | None
    first: bool
    reload_difference: float | None
    baselines: Mapping[str, Scored] = field(default_factory=dict)
    slices: Mapping[str, Values] = field(default_factory=dict)  # column -> values, shape [rows]

    @classmethod
    def of(
        cls,
        test: pa.Table,
        schema: Schema,
        *,
        candidate: Scored | None,
        champion: Scored | None,
        first: bool,
        reload_difference: float | None,
        baselines: Mapping[str, Scored],
        slices: Sequence[str] = (),
    ) -> "Evidence":
        """Evidence on the rows of `test`."""
        return cls(
            Keys.of(test, schema),
            schema.labels(test),
            candidate,
            champion,
            first,
            reload_difference,
            baselines,
            {name: slice_values(test, name) for name in slices},
        )
