"""What the gate is shown: matured test rows and, separately keyed, each model's predictions.

Every model brings the keys it predicted, so that the gate can see missing, repeated or shuffled
rows instead of trusting that arrays of equal length belong together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from ml.evaluation import slice_values
from ml.schema import Schema
from ml.task import BINARY, Floats, Task

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
class Learned:
    """What a model has learned from: labels that were settled by the end of `until`.

    A test row of an earlier day has a label that reaches into what the model knows. `entities` are
    those that it has learned from where only a part was used; None stands for all.
    """

    until: date
    entities: frozenset[str] | None = None

    def has_seen(self, keys: Keys) -> Values:
        """Mask of shape [rows]."""
        seen = keys.day < np.datetime64(self.until)
        if self.entities is not None:
            seen &= np.isin(keys.entity, sorted(self.entities))
        return seen


@dataclass(frozen=True)
class Scored:
    """One model's predictions, the rows they are for, and what it learned from.

    A model of which nobody knows what it has learned from is refused.
    """

    keys: Keys
    predictions: Floats
    learned: Learned | None

    @classmethod
    def of(
        cls, table: pa.Table, schema: Schema, predictions: Floats, learned: Learned | None
    ) -> "Scored":
        """Predictions for a table's rows, in its order."""
        return cls(Keys.of(table, schema), predictions, learned)


@dataclass(frozen=True)
class Evidence:
    """All that a verdict may rest on, as it was known at the end of the day `as_of`.

    candidates: by recipe; one whose predictions could not be read is None, and refused.
    first: that there is no champion yet; a champion that could not be read is None with `first`
    False, and refused.
    reload_differences: by recipe, the largest absolute difference between the candidate's
    predictions and those of its artifact loaded in a clean process.
    """

    as_of: date
    horizon_days: int
    keys: Keys
    labels: Floats
    candidates: Mapping[str, Scored | None]
    champion: Scored | None
    first: bool
    reload_differences: Mapping[str, float | None]
    baselines: Mapping[str, Scored] = field(default_factory=dict)
    slices: Mapping[str, Values] = field(default_factory=dict)  # column -> values, shape [rows]
    task: Task = BINARY

    @classmethod
    def of(
        cls,
        test: pa.Table,
        schema: Schema,
        *,
        as_of: date,
        horizon_days: int,
        candidates: Mapping[str, Scored | None],
        champion: Scored | None,
        first: bool,
        reload_differences: Mapping[str, float | None],
        baselines: Mapping[str, Scored],
        slices: Sequence[str] = (),
    ) -> "Evidence":
        """Evidence on the rows of `test`."""
        return cls(
            as_of,
            horizon_days,
            Keys.of(test, schema),
            schema.labels(test),
            candidates,
            champion,
            first,
            reload_differences,
            baselines,
            {name: slice_values(test, name) for name in slices},
            schema.target,
        )
