"""Which columns of a table a model reads, and what they are to it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from ml.column_types import is_numeric, is_text
from ml.errors import SchemaError
from ml.task import Floats, Task, labels_of, task_of


@dataclass(frozen=True)
class Schema:
    """The columns of one model: grain (entity, time), label, and features in the table's order.

    task: `binary`, `multiclass` or `regression`; classes: names of those of `multiclass`.
    """

    entity: str
    time: str
    label: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    task: str = "binary"
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        task_of(self.task, self.classes)
        if not self.features:
            raise SchemaError(f"no feature is left beside {self.keys}: exclude fewer columns")

    @cached_property
    def target(self) -> Task:
        """What is predicted, on the scale of the label itself."""
        return task_of(self.task, self.classes)

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
        classes: tuple[str, ...] = (),
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
        return cls(entity, time, label, numeric, categorical, task, classes)

    def labels(self, table: pa.Table) -> Floats:
        """Labels as `target` has them, float64 of shape [rows]; raises SchemaError for others."""
        self.require(table, (self.label,))
        return labels_of(self.target, table[self.label], self.label)

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
