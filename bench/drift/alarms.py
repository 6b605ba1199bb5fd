"""False alarms a year and days until a drift is found: Leeway's feature alarm in the harness.

An alarm is followed by seven days in which none counts, as a retraining would be. A drift that is
not found within four weeks is missed.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np

from bench.drift.streams import KINDS, REFERENCE, YEAR, Stream, name
from ml.alarm import cusum
from ml.calibration import SLACK, Calibration, calibrate
from ml.feature_alarm import WATCHED_DAYS, check
from ml.sketch import ColumnSketch

REST, PATIENCE = 7, 28
MISSED = np.inf
Days = dict[date, dict[str, ColumnSketch]]


class Leeway:
    """The feature alarm as the platform runs it, a check a day."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.days: Days = {stream.day(i): stream.table(i) for i in range(REFERENCE + YEAR)}
        reference = dict(list(self.days.items())[:REFERENCE])
        self.calibration: Calibration = calibrate(reference, seed=stream.seed)
        self.year = dict(list(self.days.items())[REFERENCE:])
        self.z = {n: self.calibration.unusual(self.year, n) for n in self.calibration.usual}

    def alarms(self) -> list[int]:
        """Days of the year without drift on which an alarm asks for a new model."""
        sums = [cusum(z, SLACK, self.calibration.threshold) for z in self.z.values()]
        over = np.max(sums, axis=0) > self.calibration.threshold
        return [int(i) for i in np.flatnonzero(over) if self.asks(int(i), {})]

    def asks(self, index: int, changed: Mapping[date, dict[str, ColumnSketch]]) -> bool:
        """Whether the check of a day of the year is an ERROR."""
        first = max(0, index + 1 - WATCHED_DAYS)
        window = list(self.year.items())[first : index + 1]
        days = {day: {**table, **changed.get(day, {})} for day, table in window}
        return check(self.calibration, days).severity == "ERROR"

    def delay(self, start: int, shifts: Mapping[int, list[float]]) -> float:
        """Days until a drift of some columns, that begins on day `start`, is an alarm."""
        changed: Days = {}
        for offset in range(PATIENCE):
            day = self.stream.day(REFERENCE + start + offset)
            changed[day] = {
                name(c): self.stream.sketch(REFERENCE + start + offset, c, shift[offset])
                for c, shift in shifts.items()
            }
        first = max(0, start - WATCHED_DAYS)
        window = dict(list(self.year.items())[first : start + PATIENCE])
        days = {day: {**table, **changed.get(day, {})} for day, table in window.items()}
        sums = [
            cusum(self.calibration.unusual(days, name(c)), SLACK, self.calibration.threshold)
            for c in shifts
        ]
        over = np.max(sums, axis=0)[start - first :] > self.calibration.threshold
        asks = (int(i) for i in np.flatnonzero(over) if self.asks(start + int(i), changed))
        return next(asks, MISSED) + 1


def per_year(alarms: list[int]) -> int:
    """How often a model would have been trained for nothing."""
    count, rests = 0, -1
    for index in alarms:
        if index >= rests:
            count, rests = count + 1, index + REST
    return count


def abrupt(size: float) -> list[float]:
    """A shift that is there at once."""
    return [size] * PATIENCE


def gradual(size: float) -> list[float]:
    """A shift that grows over two weeks."""
    return [size * min(1.0, (day + 1) / 14) for day in range(PATIENCE)]


def drifted(stream: Stream, columns: int) -> list[list[int]]:
    """Groups of columns to shift together, so that every column has its turn."""
    order = np.random.default_rng(stream.seed).permutation(len(KINDS))
    return [np.roll(order, -i)[:columns].tolist() for i in range(0, len(KINDS), columns)]
