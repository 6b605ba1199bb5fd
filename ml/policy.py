"""What to do about the evidence of a day: hold, retrain, wait, or nothing. A pure function.

The only clock is the as_of day that is passed in. A reason to train is never lost: a wait defers
it, an incident defers it, and it stays pending until a training starts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import TypeAdapter

from ml.incident import Finding

Kind = Literal["incident", "retrain", "wait", "none"]
PERFORMANCE = "performance"
FIRST_MODEL = "first model"


@dataclass(frozen=True)
class FailedCheck:
    """A drift check that failed. ERROR asks for a new model, WARN is shown only."""

    name: str
    severity: Literal["ERROR", "WARN"]
    reason: str
    statistic: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Evidence:
    """All that is known at the end of the decision day."""

    as_of: date
    matured_rows: int
    has_champion: bool
    unseen_days: int = 0  # matured days that the champion has not learned from
    failed: tuple[FailedCheck, ...] = ()
    incidents: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Previous:
    """The decision before this one, and what it left to do."""

    as_of: date
    kind: Kind
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """What happened before the decision day; the last training counts whatever became of it."""

    previous: Previous | None = None
    last_training: date | None = None
    in_flight: bool = False


@dataclass(frozen=True)
class RetrainPolicy:
    """How often and from how much data a model may be trained."""

    min_rows: int
    cooldown_days: int
    min_unseen_days: int = 0  # fewer cannot judge a candidate against the champion


@dataclass(frozen=True)
class Decision:
    """A row of the ledger. `pending` are the reasons to train that no training has answered yet."""

    as_of: date
    kind: Kind
    lane: Literal["normal", "alarm"]
    reasons: tuple[str, ...]
    pending: tuple[str, ...]
    evidence: Evidence


def decide(evidence: Evidence, history: History, policy: RetrainPolicy) -> Decision:
    """The same evidence and history give the same decision.

    Raises ValueError where the history is not older than the evidence.
    """
    _check_order(evidence, history)
    pending = _latest((*_left_over(evidence, history), *_new_reasons(evidence, policy)))
    kind, reasons = _choose(evidence, history, policy, pending)
    alarm = any(c.name == PERFORMANCE and c.severity == "ERROR" for c in evidence.failed)
    lane: Literal["normal", "alarm"] = "alarm" if alarm else "normal"
    return Decision(evidence.as_of, kind, lane, reasons, pending, evidence)


def to_json(decision: Decision) -> str:
    """The decision as text, for the ledger."""
    return TypeAdapter(Decision).dump_json(decision).decode()


def from_json(text: str) -> Decision:
    """The same decision again; raises pydantic's ValidationError where the text is no such."""
    return TypeAdapter(Decision).validate_json(text)


def _check_order(evidence: Evidence, history: History) -> None:
    if history.previous and history.previous.as_of >= evidence.as_of:
        raise ValueError(
            f"the previous decision is of {history.previous.as_of}, the evidence of "
            f"{evidence.as_of}: pass only decisions from before the decision day"
        )


def _choose(
    evidence: Evidence, history: History, policy: RetrainPolicy, pending: tuple[str, ...]
) -> tuple[Kind, tuple[str, ...]]:
    if evidence.incidents:
        return "incident", _unique(f"{f.name}: {f.reason}" for f in evidence.incidents)
    too_few = evidence.matured_rows < policy.min_rows
    rows = f"{evidence.matured_rows} of {policy.min_rows} rows matured"
    if not pending:
        return "none", (rows,) if too_few and not evidence.has_champion else ()
    if history.in_flight:
        return "wait", ("a training is in flight",)
    passed = _days_since_training(evidence, history)
    if passed is not None and passed < policy.cooldown_days:
        return "wait", (f"cooldown: {passed} of {policy.cooldown_days} days since the training",)
    if too_few:
        return "wait", (rows,)
    if evidence.has_champion and evidence.unseen_days < policy.min_unseen_days:
        days = f"{evidence.unseen_days} of {policy.min_unseen_days} days"
        return "wait", (f"{days} have matured that the champion has not learned from",)
    return "retrain", pending


def _days_since_training(evidence: Evidence, history: History) -> int | None:
    if history.last_training is None:
        return None
    return (evidence.as_of - history.last_training).days


def _new_reasons(evidence: Evidence, policy: RetrainPolicy) -> tuple[str, ...]:
    errors = tuple(f"{c.name}: {c.reason}" for c in evidence.failed if c.severity == "ERROR")
    first = not evidence.has_champion and evidence.matured_rows >= policy.min_rows
    return (FIRST_MODEL, *errors) if first else errors


def _left_over(evidence: Evidence, history: History) -> tuple[str, ...]:
    """Reasons from before that no training has answered since.

    A training on the day of a retrain decision, or in flight after it, is the one it asked for. One
    on the day of any other decision came before it. A first model is needed until there is one.
    """
    previous = history.previous
    if previous is None:
        return ()
    trained = history.last_training
    asked = previous.kind == "retrain"
    if asked and history.in_flight:
        return ()
    if trained and (trained > previous.as_of or (asked and trained == previous.as_of)):
        return ()
    return tuple(r for r in previous.pending if r != FIRST_MODEL or not evidence.has_champion)


def _latest(reasons: Iterable[str]) -> tuple[str, ...]:
    """One reason per check, in the order they came up, in the newest words."""
    return tuple({reason.split(":")[0]: reason for reason in reasons}.values())


def _unique(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
