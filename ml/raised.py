"""What the checks of a day that failed say to a decision, and to the recipes of its training.

The asset reads the checks from the ledger, `leeway replay` has just made them: both ask here.
"""

from collections.abc import Iterable
from datetime import date

from ml.policy import PERFORMANCE, FailedCheck
from ml.watching import INCIDENTS, Check


def failed(checks: Iterable[Check]) -> tuple[FailedCheck, ...]:
    """The checks that failed; a decision has the incidents as findings of their own."""
    return tuple(
        FailedCheck(c.name, c.severity, c.reason, c.statistic, c.threshold)
        for c in checks
        if not c.passed and c.name != INCIDENTS
    )


def change_point(checks: Iterable[Check]) -> date | None:
    """The first day of the alarm that is up, None where none is.

    The loss alarm's where it is up: what the others have seen move may be harmless.
    """
    up = [
        (c.name != PERFORMANCE, c.since)
        for c in checks
        if not c.passed and c.severity == "ERROR" and c.since
    ]
    return min(up)[1] if up else None


def loss_alarm_since(checks: Iterable[Check]) -> date | None:
    """The first day of the loss alarm that is up, None where it is not."""
    return next((c.since for c in checks if c.name == PERFORMANCE and not c.passed), None)
