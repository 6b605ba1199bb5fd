"""A history in memory: labelled rows, sketches of their days, and what was wrong with the data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from ml.calibration import Table
from ml.incident import Finding
from ml.schema import Floats, Schema


@dataclass(frozen=True)
class World:
    """What happened; a replay looks at no label before its horizon has passed.

    rows: labelled rows of the days that models may use, in the order of time and entity.
    features, labels: sketches of the days, also of those that no model may use.
    findings: what was known to be wrong with a day from that day on (a held delivery).
    excluded: days that a watch has found broken, which nothing learns from or is judged by.
    """

    rows: pa.Table
    schema: Schema
    horizon_days: int
    features: Mapping[date, Table]
    labels: Mapping[date, Table]
    findings: Mapping[date, tuple[Finding, ...]] = field(default_factory=dict)
    excluded: set[date] = field(default_factory=set)

    @cached_property
    def spans(self) -> dict[date, tuple[int, int]]:
        """First row and number of rows of every day that has any."""
        days = self.rows[self.schema.time].cast(pa.date32()).to_numpy()
        found, first, count = np.unique(days, return_index=True, return_counts=True)
        places = zip(first.tolist(), count.tolist(), strict=True)
        return dict(zip(found.astype(object).tolist(), places, strict=True))

    def of(self, days: Sequence[date]) -> pa.Table:
        """The rows of those of the `days` that have any; nothing is copied."""
        spans = [self.spans[day] for day in days if day in self.spans]
        return pa.concat_tables(
            [self.rows.slice(*span) for span in spans] or [self.rows.slice(0, 0)]
        )

    def sound(self, days: Iterable[date]) -> list[date]:
        """Those of the `days` that have rows and were not found broken."""
        return [day for day in days if day in self.spans and day not in self.excluded]

    def labels_of(self, day: date) -> Floats:
        """Labels of a day's rows, in their order."""
        return self.schema.labels(self.of([day]))

    def matured(self, as_of: date) -> date:
        """The newest day whose labels are known at the end of `as_of`."""
        return as_of - timedelta(days=self.horizon_days)

    def findings_of(self, days: Sequence[date]) -> tuple[Finding, ...]:
        """What was known to be wrong with the days."""
        return tuple(finding for day in days for finding in self.findings.get(day, ()))
