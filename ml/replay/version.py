"""A model that was trained in a replay, with its predictions and what its alarms know."""

import time
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from ml.alarm import DayLoss
from ml.calibration import Table
from ml.estimators import Model
from ml.importance import importance
from ml.known import REFERENCE_DAYS, SAMPLE, Known, evenly, learn
from ml.replay.world import World
from ml.sketch import DAILY, sketch_table
from ml.task import Floats

AHEAD = 28  # days that are predicted at once


@dataclass
class Version:
    """A trained model; `as_of` is the day of its decision, labels up to which it has seen."""

    number: int
    as_of: date
    recipe: str
    model: Model
    world: World = field(repr=False)
    judged: tuple[DayLoss, ...] = ()  # losses of what the gate judged, by day
    shown: pa.Table | None = field(default=None, repr=False)  # rows that it was judged by
    let_in_for: date | None = None  # first day of the new world that it was trained for
    predicted: dict[date, Floats] = field(default_factory=dict, repr=False)

    def predictions(self, day: date) -> Floats:
        """Predictions of a day's rows, in their order."""
        if day not in self.predicted:
            ahead = [d for d in self.world.spans if d >= day and d not in self.predicted][:AHEAD]
            values = self.model.predict(self.world.of(ahead))
            ends = np.cumsum([self.world.spans[d][1] for d in ahead])
            self.predicted |= dict(zip(ahead, np.split(values, ends[:-1]), strict=True))
        return self.predicted[day]

    def row_losses(self, day: date) -> Floats:
        """Loss of each of a day's rows."""
        return self.world.schema.target.losses(self.world.labels_of(day), self.predictions(day))

    def day_loss(self, day: date) -> DayLoss:
        """A day's losses as the loss alarm sees them."""
        return DayLoss.of(day, self.row_losses(day))

    def sketch_of(self, day: date) -> Table:
        """A day's predictions, compressed."""
        return sketch_table(self.world.schema.target.table(self.predictions(day)), DAILY)


def known_of(version: Version, last: date, seed: int) -> Known:
    """Calibrate the alarms of a version on the days up to `last`, as a promotion does."""
    world = version.world
    days = world.sound(day for day in world.spans if day <= last)[-REFERENCE_DAYS:]
    features = {day: world.features[day] for day in days}
    closed = [day for day, t in world.features.items() if not t and day not in world.excluded]
    features |= {day: {} for day in closed if days[0] < day <= last}
    columns = sorted({name for table in features.values() for name in table})
    sample = evenly(world.of(days) if version.shown is None else version.shown, SAMPLE)
    used = importance(version.model.predict, sample, columns, seed)
    predicted = {day: version.sketch_of(day) for day in days}
    labels = {day: world.labels[day] for day in days if day in world.labels}
    return learn(world.schema.target, features, predicted, labels, version.judged, used, seed)


def cpu_seconds() -> float:
    """CPU time of this process so far, all of its threads."""
    return time.process_time()
