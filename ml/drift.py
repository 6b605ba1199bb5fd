"""Drift of columns between two spans, scored by Evidently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml.distance import quantiles, unseen_share, wasserstein
from ml.sketch import SIZE, ColumnSketch

if TYPE_CHECKING:  # importing Evidently takes seconds, so it waits until a report is asked for
    from evidently.core.report import Snapshot

METHODS = {"number": "leeway_wasserstein", "category": "jensenshannon"}
NO_VALUES = "no values"


@dataclass(frozen=True)
class ColumnDrift:
    """One column's drift. `score` is None where a side has no values: `finding` says which."""

    column: str
    method: str | None
    score: float | None
    null_share_reference: float
    null_share_current: float
    unseen_share: float
    finding: str | None = None

    @property
    def severity(self) -> float:
        """What the report sorts by; a column that cannot be compared comes first."""
        if self.score is None:
            return float("inf")
        gone = abs(self.null_share_current - self.null_share_reference)
        return max(self.score, gone, self.unseen_share)


@dataclass(frozen=True)
class DriftReport:
    """Every column of either side, worst first."""

    columns: tuple[ColumnDrift, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What kept columns from being compared, worst first."""
        return tuple(c.finding for c in self.columns if c.finding)


def measure(
    reference: Mapping[str, ColumnSketch], current: Mapping[str, ColumnSketch]
) -> DriftReport:
    """Score each column: W1 over the interquartile range, or Jensen-Shannon for categories.

    Scores are distances, never p-values: those mean nothing on sketches. 0 where nothing moved.
    """
    findings = {
        name: _finding(name, reference.get(name), current.get(name))
        for name in sorted({*reference, *current})
    }
    comparable = [name for name, finding in findings.items() if finding is None]
    scores = _scores(reference, current, comparable)
    columns = [
        _column(name, reference.get(name), current.get(name), scores.get(name), finding)
        for name, finding in findings.items()
    ]
    return DriftReport(tuple(sorted(columns, key=lambda c: (-c.severity, c.column))))


def _finding(name: str, before: ColumnSketch | None, now: ColumnSketch | None) -> str | None:
    for side, column in (("reference", before), ("current", now)):
        if column is None:
            return f"{name} is not in the {side} data"
        if not column.valid:
            return f"{name} has {NO_VALUES} in {column.n} {side} rows"
    if before and now and before.kind != now.kind:
        return f"{name} held {before.kind} values, now {now.kind}"
    return None


def _column(
    name: str,
    before: ColumnSketch | None,
    now: ColumnSketch | None,
    score: float | None,
    finding: str | None,
) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        method=METHODS[now.kind] if now and score is not None else None,
        score=score,
        null_share_reference=before.null_share if before else 0.0,
        null_share_current=now.null_share if now else 0.0,
        unseen_share=unseen_share(before, now) if before and now else 0.0,
        finding=finding,
    )


def _scores(
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    names: Sequence[str],
) -> dict[str, float]:
    """Evidently's statistic of each column, without the plots that a report makes of every one."""
    from evidently.legacy.calculations.stattests.registry import get_registered_stattest
    from evidently.legacy.core import ColumnType

    _register()
    kinds = {"number": ColumnType.Numerical, "category": ColumnType.Categorical}
    scores = {}
    for name in names:
        kind = kinds[current[name].kind]
        test = get_registered_stattest(METHODS[current[name].kind], kind)
        rows = _rows(reference[name]), _rows(current[name])
        scores[name] = float(test(*rows, kind, None).drift_score)
    return scores


def evidently_report(
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    names: Sequence[str],
    timestamp: datetime,
) -> Snapshot:
    """Evidently's own report on comparable columns, as it keeps and shows it."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    _register()
    definition = DataDefinition(
        numerical_columns=[n for n in names if current[n].kind == "number"],
        categorical_columns=[n for n in names if current[n].kind == "category"],
    )
    sides = [
        Dataset.from_pandas(pd.DataFrame({n: _rows(side[n]) for n in names}), definition)
        for side in (current, reference)
    ]
    metrics = [ValueDrift(column=n, method=METHODS[current[n].kind]) for n in names]
    return Report(metrics).run(*sides, timestamp=timestamp)


def _register() -> None:
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def apply(
        reference: pd.Series, current: pd.Series, _kind: ColumnType, threshold: float
    ) -> tuple[float, bool]:
        distance = wasserstein(np.sort(reference.to_numpy()), np.sort(current.to_numpy()))
        return distance, distance >= threshold

    name = METHODS["number"]
    test = StatTest(name, "W1 / interquartile range", [ColumnType.Numerical], 0.1)
    register_stattest(test, apply)


def _rows(column: ColumnSketch) -> pd.Series:
    """`SIZE` rows that stand for the column: its quantiles, or each level in proportion.

    Shuffled, always alike: Evidently draws numbers in order, and sorted ones look like a trend.
    """
    if column.kind == "number":
        points = quantiles(np.asarray(column.points), SIZE)
        return pd.Series(np.random.default_rng(0).permutation(points))
    reached = np.cumsum(column.counts)
    middles = (np.arange(SIZE) + 0.5) / SIZE * reached[-1]
    return pd.Series(np.asarray(column.levels, dtype=object)[np.searchsorted(reached, middles)])
