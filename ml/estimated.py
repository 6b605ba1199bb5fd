"""What the loss should be, by the model's own word, while labels mature.

Confidence-based performance estimation (CBPE): a calibrated probability p is wrong as often as it
says, so the expected log loss of a row is -p ln p - (1 - p) ln(1 - p). It is blind to concept
drift: where the rule has changed, p itself is what is wrong.

Source: J. Bialek, W. Kuberski, N. Perrakis, A. Bifet, Estimating model performance under covariate
shift without labels, arXiv 2401.08348 (NannyML).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import entr

from ml.alarm import AlarmState
from ml.sketch import ColumnSketch

FEWEST_DAYS = 7
SDS = 3.0  # above the reference's days


@dataclass(frozen=True)
class ExpectedLoss:
    """Expected log loss over the reference's days: mean, and sd between days."""

    days: int
    mean: float
    sd: float


def expected_log_loss(predictions: ColumnSketch) -> float:
    """Mean over a day's probabilities, from their sketch; natural logarithm, NaN without any."""
    p = np.clip(np.asarray(predictions.points), 0.0, 1.0)
    return float((entr(p) + entr(1 - p)).mean()) if len(p) else float("nan")


def usual(days: Sequence[ColumnSketch]) -> ExpectedLoss:
    """What the reference's days of predictions expect."""
    losses = [expected_log_loss(day) for day in days if day.points]
    sd = float(np.std(losses, ddof=1)) if len(losses) > 1 else 0.0
    return ExpectedLoss(len(losses), float(np.mean(losses)) if losses else 0.0, sd)


def check(reference: ExpectedLoss, days: Mapping[date, ColumnSketch]) -> AlarmState:
    """Compare the days whose labels are not known yet with the reference; advice, never more.

    A mean of days is judged by the sd of one day: neighbouring days are alike.
    """
    losses = [expected_log_loss(day) for day in days.values() if day.points]
    limit = reference.mean + SDS * reference.sd
    if not losses or reference.days < FEWEST_DAYS:
        reason = f"nothing to compare with {reference.days} reference days"
        return AlarmState(0.0, limit, False, None, False, reason)
    now = float(np.mean(losses))
    reason = (
        f"expected log loss {now:.4f} on {len(losses)} days without labels, the reference has "
        f"{reference.mean:.4f}, the limit is {limit:.4f}; blind to concept drift"
    )
    return AlarmState(now, limit, now > limit, min(days), False, reason)
