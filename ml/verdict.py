"""What the gate is allowed (policy) and what it answers (checks and a verdict)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ml.task import BINARY, Task, words


@dataclass(frozen=True)
class GatePolicy:
    """Limits; gains and slice losses are shares of the reference's mean loss.

    A slice is refused when it is worse by more than `slice_loss` and that it is worse at all is
    sure at 1 - `slice_alpha`: with many small slices one is always worse by chance.
    moved: the champion's features are of SQL that the project has no more. Then a candidate need
    not be better, it must be sure not to lose `moved_loss` or more.
    """

    min_rows: int = 500
    min_days: int = 3
    min_entities: int = 100  # fewer give no honest bootstrap
    alpha: float = 0.2  # shared among the candidates of one decision
    min_gain: float = 0.0025
    calibration_loss: float = 0.02  # growth of the calibration error; 14 days vary by 0.015
    moved: bool = False
    moved_loss: float = 0.02
    slice_loss: float = 0.02
    slice_alpha: float = 0.1
    slice_min_rows: int = 200
    slice_min_entities: int = 30
    reload_limit: float = 1e-6
    seed: int = 0


@dataclass(frozen=True)
class Check:
    """One line of the verdict's table; `value` is None where there was nothing to measure."""

    name: str
    passed: bool
    value: float | None
    limit: str

    def __str__(self) -> str:
        value = "missing" if self.value is None else f"{self.value:.6g}"
        return f"{self.name}: {value} (limit {self.limit})"


@dataclass(frozen=True)
class Verdict:
    """The decision about the best candidate, with every check.

    `gain` is a share of the mean loss of `reference`, the strongest model it has to beat;
    `lower_bound` a mean difference to it in the loss's unit. All four are None where the evidence
    was not good enough to compare.
    """

    promote: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    candidate: str | None = None
    reference: str | None = None
    gain: float | None = None
    lower_bound: float | None = None

    @classmethod
    def refused(cls, checks: Sequence[Check]) -> "Verdict":
        """Nothing was compared, because some check had failed before."""
        failed = tuple(str(check) for check in checks if not check.passed)
        unknown = ("nothing was compared: value missing (limit one reference)",)
        return cls(False, failed or unknown, tuple(checks))

    @classmethod
    def of(
        cls,
        checks: Sequence[Check],
        candidate: str,
        reference: str,
        gain: float,
        lower_bound: float,
        task: Task = BINARY,
    ) -> "Verdict":
        """Promote when no check failed."""
        failed = tuple(str(check) for check in checks if not check.passed)
        apart = f"{gain:.2%} below" if gain >= 0 else f"{-gain:.2%} above"
        won = (
            f"recipe {candidate}: {words(task.metric)} {apart} {reference}'s, at least "
            f"{lower_bound:.5f} {task.unit} per row",
        )
        compared = (candidate, reference, gain, lower_bound)
        return cls(not failed, failed or won, tuple(checks), *compared)

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold."""
        return asdict(self)


def at_least(name: str, value: float, limit: float) -> Check:
    """Passes at or above the limit; NaN does not."""
    return Check(name, bool(value >= limit), float(value), f">= {limit:g}")


def at_most(name: str, value: float | None, limit: float) -> Check:
    """Passes at or below the limit; a missing value or NaN does not."""
    passed = value is not None and bool(value <= limit)
    return Check(name, passed, None if value is None else float(value), f"<= {limit:g}")
