"""The usual rules in the same harness: same rows, same reference, a check a day.

Each rule says of a day whether anything has drifted. Evidently's defaults for more than 1,000
reference rows are the normed Wasserstein and the Jensen-Shannon distance, both from 0.1.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from river.drift import ADWIN
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp

from bench.drift.streams import KINDS, REFERENCE, YEAR, Stream
from ml.distance import category_distance, quantiles
from ml.merging import merge
from ml.sketch import ColumnSketch, Floats

LIMIT, SHARE, LEVEL, SDS = 0.1, 0.5, 0.05, 3.0
SAMPLE = 5000  # rows of the reference that p-values are computed from
COLUMNS = range(len(KINDS))


def evidently_score(reference: ColumnSketch, current: ColumnSketch) -> float:
    """Wasserstein over the reference's sd, or Jensen-Shannon."""
    if reference.kind == "category":
        return category_distance(reference, current)
    before = np.asarray(reference.points)
    now = quantiles(np.asarray(current.points), len(before))
    return float(np.abs(now - before).mean() / before.std())


class Peers:
    """Every peer's daily scores on one stream; a drift changes some columns of some days."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        days = range(REFERENCE, REFERENCE + YEAR)
        self.scores = np.array([[self.score(i, c) for c in COLUMNS] for i in days])
        self.p = np.array([[self.p_value(i, c) for c in COLUMNS] for i in days])
        self.means = np.array([[self.mean(i, c) for c in COLUMNS] for i in days])

    @cached_property
    def reference(self) -> list[ColumnSketch]:
        """Every column over the whole reference."""
        days = range(REFERENCE)
        return [merge([self.stream.sketch(i, c) for i in days], 1024) for c in COLUMNS]

    @cached_property
    def rows(self) -> list[pa.Array]:
        """A sample of the reference's rows."""
        each = max(1, SAMPLE // REFERENCE)
        parts = [[self.stream.column(i, c)[:each] for i in range(REFERENCE)] for c in COLUMNS]
        return [pa.chunked_array(part).combine_chunks() for part in parts]

    @cached_property
    def chunk_limits(self) -> Floats:
        """Mean + 3 sd of the scores of the reference's days; (columns,)."""
        found = np.array([[self.score(i, c) for c in COLUMNS] for i in range(REFERENCE)])
        limits: Floats = found.mean(axis=0) + SDS * found.std(axis=0, ddof=1)
        return limits

    def score(self, day: int, column: int, shift: float = 0.0) -> float:
        """Evidently's distance of a day from the reference."""
        return evidently_score(self.reference[column], self.stream.sketch(day, column, shift))

    def p_value(self, day: int, column: int, shift: float = 0.0) -> float:
        """Kolmogorov-Smirnov of numbers, chi-square of categories."""
        before, now = self.rows[column], self.stream.column(day, column, shift)
        if KINDS[column] == "category":
            counts = np.array([np.bincount(side.indices, minlength=6) for side in (before, now)])
            return float(chi2_contingency(counts[:, counts.sum(axis=0) > 0]).pvalue)
        return float(ks_2samp(before.to_numpy(), now.to_numpy(), method="asymp").pvalue)

    def mean(self, day: int, column: int, shift: float = 0.0) -> float:
        """A day's mean, of categories the mean of their number; in sd of the reference."""
        before, now = self.rows[column], self.stream.column(day, column, shift)
        if KINDS[column] == "category":
            before, now = before.indices, now.indices
        return (pc.mean(now).as_py() - pc.mean(before).as_py()) / pc.stddev(before).as_py()

    def changed(
        self, start: int, shifts: Mapping[int, list[float]]
    ) -> tuple[Floats, Floats, Floats]:
        """Scores, p-values and means of the year with a drift; three times (days, columns)."""
        found = self.scores.copy(), self.p.copy(), self.means.copy()
        for column, sizes in shifts.items():
            for offset, size in enumerate(sizes):
                day = REFERENCE + start + offset
                found[0][start + offset, column] = self.score(day, column, size)
                found[1][start + offset, column] = self.p_value(day, column, size)
                found[2][start + offset, column] = self.mean(day, column, size)
        return found

    def alarms(self, rule: str, values: tuple[Floats, Floats, Floats] | None = None) -> list[int]:
        """Days of the year on which a rule says drift."""
        scores, p, means = values or (self.scores, self.p, self.means)
        rules: dict[str, Callable[[], np.ndarray]] = {
            "Evidently, any column": lambda: (scores >= LIMIT).any(axis=1),
            "Evidently, half of the columns": lambda: (scores >= LIMIT).mean(axis=1) >= SHARE,
            "KS / chi², Benjamini-Hochberg": lambda: np.array(
                [bool((false_discovery_control(day) <= LEVEL).any()) for day in p]
            ),
            "mean + 3 sd of reference days": lambda: (scores > self.chunk_limits).any(axis=1),
            "ADWIN of daily means": lambda: adwin(means),
        }
        return [int(i) for i in np.flatnonzero(rules[rule]())]


RULES = (
    "Evidently, any column",
    "Evidently, half of the columns",
    "KS / chi², Benjamini-Hochberg",
    "mean + 3 sd of reference days",
    "ADWIN of daily means",
)


def adwin(means: Floats) -> np.ndarray:
    """Days on which ADWIN (river, asked every day) cuts the window of any column."""
    found = np.zeros(len(means), bool)
    for column in means.T:
        detector = ADWIN(clock=1)
        for day, value in enumerate(column):
            detector.update(float(value))
            found[day] |= detector.drift_detected
    return found
