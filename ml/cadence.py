"""How often a model is challenged without being asked to: a schedule that backs off.

An alarm sees what was calibrated for; a challenger sees everything that a better model would. Where
challengers keep losing, they come less often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Training:
    """A training that came to a verdict, on the day it was decided.

    alarm: that a failed check had asked for it.
    """

    as_of: date
    promoted: bool
    alarm: bool


@dataclass(frozen=True)
class Cadence:
    """Days between challengers: `first_days`, doubled by every rejection up to `most_days`."""

    first_days: int = 7
    most_days: int = 56

    def days(self, trainings: Sequence[Training]) -> int:
        """Days from the last of `trainings`, oldest first, to the next challenger.

        A promotion starts over, and so does an alarm, whose own rejection counts.
        """
        days = self.first_days
        for training in reversed(trainings):
            if training.promoted:
                break
            days *= 2
            if training.alarm:
                break
        return min(days, self.most_days)


def within(trainings: Sequence[Training], as_of: date, days: int) -> int:
    """How many of `trainings` lie in the `days` before the end of `as_of`."""
    return sum(as_of - timedelta(days) < training.as_of <= as_of for training in trainings)
