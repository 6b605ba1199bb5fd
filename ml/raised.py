"""What the checks of a day that failed say to a decision, and to the recipes of its training.

The asset reads the checks from the ledger, `leeway replay` has just made them: both ask here.
"""

from collections.abc import Iterable
from datetime import date

from ml.policy import PERFORMANCE, FailedCheck
from ml.splits import Windows, is_new
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


def new_since(
    checks: Iterable[Check], let_in_for: date | None, as_of: date, windows: Windows
) -> date | None:
    """First day of a world that the normal lane cannot teach yet, None where there is none.

    That of the loss alarm that is up, else `let_in_for`: what the champion's own training was told
    here on its day.
    """
    up = loss_alarm_since(checks)
    if up or let_in_for is None:
        return up
    return let_in_for if is_new(let_in_for, as_of, windows) else None


def loss_alarm_since(checks: Iterable[Check]) -> date | None:
    """The first day of the loss alarm that is up, None where it is not."""
    return next((c.since for c in checks if c.name == PERFORMANCE and not c.passed), None)
