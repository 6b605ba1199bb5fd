"""What a version's alarms know: how far the days that it was made from are apart anyway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ml.alarm import DayLoss
from ml.calibration import Calibration, Table, calibrate
from ml.estimated import ExpectedLoss, usual
from ml.task import Task

REFERENCE_DAYS = 365  # a season is no drift: half a year alarmed twice as often on a real shop
SAMPLE = 2000  # rows that importance is measured on


@dataclass(frozen=True)
class Known:
    """All that is calibrated with a version."""

    features: Calibration
    prediction: Calibration
    label: Calibration
    expected_loss: ExpectedLoss
    judged: tuple[DayLoss, ...] = ()  # by the gate; a version of before this was kept has none


def learn(
    task: Task,
    features: Mapping[date, Table],
    predictions: Mapping[date, Table],
    labels: Mapping[date, Table],
    judged: Sequence[DayLoss],
    importance: Mapping[str, float],
    seed: int,
) -> Known:
    """Calibrate on the sketches of the reference's days.

    judged: losses on the days that the version was judged by. importance: of columns for it.
    """
    return Known(
        calibrate(features, seed=seed, importance=importance),
        calibrate(predictions, seed=seed),
        calibrate(labels, seed=seed),
        usual(task, predictions.values()),
        tuple(judged),
    )


def evenly(rows: pa.Table, size: int) -> pa.Table:
    """Return about `size` rows from all over a table."""
    return rows.take(pa.array(range(0, rows.num_rows, max(1, rows.num_rows // size))))
