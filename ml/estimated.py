"""What the loss should be, by the model's own word, while labels mature.

Confidence-based performance estimation (CBPE): calibrated probabilities are wrong as often as they
say, so the expected log loss of a row is their entropy, the sum of -p ln p over the classes. It is
blind to concept drift: where the rule has changed, p itself is what is wrong. A predicted number
says nothing of how wrong it is, so of a regression nothing is expected.

Source: J. Bialek, W. Kuberski, N. Perrakis, A. Bifet, Estimating model performance under covariate
shift without labels, arXiv 2401.08348 (NannyML).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from ml.alarm import AlarmState
from ml.calibration import Table
from ml.task import Task, words

FEWEST_DAYS = 7
SDS = 3.0  # above the reference's days
NO_WORD = "a predicted number does not say how wrong it may be: wait for labels"


@dataclass(frozen=True)
class ExpectedLoss:
    """Expected loss over the reference's days: mean, and sd between days."""

    days: int
    mean: float
    sd: float


def expected_loss(task: Task, day: Table) -> float | None:
    """Mean loss that a day's predictions expect, from their sketches; NaN without any."""
    return task.expected_loss([np.asarray(day[name].points) for name in task.columns])


def usual(task: Task, days: Iterable[Table]) -> ExpectedLoss:
    """What the reference's days of predictions expect."""
    losses = _losses(task, days)
    sd = float(np.std(losses, ddof=1)) if len(losses) > 1 else 0.0
    return ExpectedLoss(len(losses), float(np.mean(losses)) if losses else 0.0, sd)


def check(task: Task, reference: ExpectedLoss, days: Mapping[date, Table]) -> AlarmState:
    """Compare the predictions of days without labels with the reference; advice, never more.

    A mean of days is judged by the sd of one day: neighbouring days are alike.
    """
    losses = _losses(task, days.values())
    limit = reference.mean + SDS * reference.sd
    if days and not losses and not reference.days:
        return AlarmState(0.0, 0.0, False, None, False, NO_WORD)
    if not losses or reference.days < FEWEST_DAYS:
        reason = f"nothing to compare with {reference.days} reference days"
        return AlarmState(0.0, limit, False, None, False, reason)
    now = float(np.mean(losses))
    reason = (
        f"expected {words(task.metric)} {now:.4f} on {len(losses)} days without labels, the "
        f"reference has {reference.mean:.4f}, the limit is {limit:.4f}; blind to concept drift"
    )
    return AlarmState(now, limit, now > limit, min(days), False, reason)


def _losses(task: Task, days: Iterable[Table]) -> list[float]:
    found = [expected_loss(task, day) for day in days]
    return [loss for loss in found if loss is not None and np.isfinite(loss)]
