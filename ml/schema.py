"""Which columns of a table a model reads, and what they are to it."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from ml.errors import SchemaError

TASKS = ("binary",)

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Schema:
    """The columns of one model: grain (entity, time), label, and features in the table's order."""

    entity: str
    time: str
    label: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    task: str = "binary"

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise SchemaError(f"task {self.task!r} is not supported yet: use one of {TASKS}")
        if not self.features:
            raise SchemaError(f"no feature is left beside {self.keys}: exclude fewer columns")

    @property
    def keys(self) -> tuple[str, str, str]:
        """Columns that are not features."""
        return self.entity, self.time, self.label

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all features, numeric ones first."""
        return self.numeric + self.categorical

    @classmethod
    def of(
        cls,
        arrow: pa.Schema,
        *,
        entity: str,
        time: str,
        label: str,
        exclude: Collection[str] = (),
        task: str = "binary",
    ) -> "Schema":
        """Read the features off a table's schema.

        Raises SchemaError for a key or excluded column that is absent and for a type that is
        neither number nor text.
        """
        for name in (entity, time, label, *exclude):
            if name not in arrow.names:
                raise SchemaError(f"column {name!r} is not in the table: it has {arrow.names}")
        left = [f for f in arrow if f.name not in (entity, time, label, *exclude)]
        numeric = tuple(f.name for f in left if is_numeric(f.type))
        categorical = tuple(f.name for f in left if is_text(f.type))
        for field in left:
            if field.name not in numeric + categorical:
                raise SchemaError(
                    f"column {field.name!r} has type {field.type}, which is neither number nor "
                    "text: cast it in dbt, or name it under features.exclude"
                )
        return cls(entity, time, label, numeric, categorical, task)

    def labels(self, table: pa.Table) -> Floats:
        """Labels 0.0 or 1.0, shape [rows]; raises SchemaError for any other value."""
        self.require(table, (self.label,))
        column = table[self.label]
        if not is_numeric(column.type):
            raise SchemaError(f"label {self.label!r} has type {column.type}: use integer 0 and 1")
        values = column.cast(pa.float64()).to_numpy()
        wrong = ~np.isin(values, (0.0, 1.0))
        if wrong.any():
            raise SchemaError(
                f"label {self.label!r} is neither 0 nor 1 in {int(wrong.sum())} of {len(values)} "
                f"rows, the first is {values[wrong][0]}: leave out rows that have not matured"
            )
        return values

    def require(self, table: pa.Table, names: Collection[str]) -> None:
        """Raise SchemaError unless `table` has each column once, with a type that fits."""
        for name in names:
            kind = "numeric" if name in self.numeric else "categorical"
            kind = kind if name in self.features else "key or label"
            found = table.schema.get_all_field_indices(name)
            if len(found) != 1:
                raise SchemaError(
                    f"column {name!r} ({kind}) is {len(found)} times in the table, the model "
                    "expects it once: build the features with the models it was trained with"
                )
            type_ = table.schema.field(name).type
            fits = is_numeric(type_) if kind == "numeric" else is_text(type_)
            if kind != "key or label" and not fits:
                raise SchemaError(
                    f"column {name!r} has type {type_}, the model was trained on a {kind} column: "
                    "restore its type, or train a new version"
                )


def is_numeric(type_: pa.DataType) -> bool:
    """Whether a type is read as a number: integers, floats, decimals and booleans."""
    checks = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_boolean)
    return any(check(type_) for check in checks)


def is_text(type_: pa.DataType) -> bool:
    """Whether a type is read as a category: strings, plain or as a dictionary."""
    plain = type_.value_type if kinds.is_dictionary(type_) else type_
    return kinds.is_string(plain) or kinds.is_large_string(plain) or kinds.is_string_view(plain)
