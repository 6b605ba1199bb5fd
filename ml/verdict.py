"""What the gate is allowed (policy) and what it answers (checks and a verdict)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class GatePolicy:
    """Limits; gains and slice losses are shares of the reference's log loss.

    A slice is refused when it is worse by more than `slice_loss` and that it is worse at all is
    sure at 1 - `slice_alpha`: with many small slices one is always worse by chance.
    """

    min_rows: int = 500
    min_days: int = 3
    min_entities: int = 100  # fewer give no honest bootstrap
    alpha: float = 0.2
    candidates: int = 1  # compared for one decision; alpha is shared among them
    min_gain: float = 0.0025
    calibration_loss: float = 0.02  # growth of the calibration error; 14 days vary by 0.015
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
    """The decision with every check; `gain` and `lower_bound` are against `reference`.

    `gain` is a share of the reference's log loss, `lower_bound` a mean difference in nats. All
    three are None where the evidence was not good enough to compare.
    """

    promote: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    reference: str | None = None
    gain: float | None = None
    lower_bound: float | None = None

    @classmethod
    def of(
        cls,
        checks: Sequence[Check],
        reference: str | None = None,
        gain: float | None = None,
        lower_bound: float | None = None,
    ) -> "Verdict":
        """Promote when something was compared and no check failed."""
        failed = tuple(str(check) for check in checks if not check.passed)
        if failed or reference is None or gain is None or lower_bound is None:
            reasons = failed or ("nothing was compared: value missing (limit one reference)",)
            return cls(False, reasons, tuple(checks), reference, gain, lower_bound)
        won = f"log loss {gain:.2%} below {reference}'s, at least {lower_bound:.5f} nats per row"
        return cls(True, (won,), tuple(checks), reference, gain, lower_bound)

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
