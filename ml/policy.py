"""What to do about the evidence of a day: hold, retrain, wait, or nothing. A pure function.

The only clock is the as_of day that is passed in. What a failed check has asked for is never lost:
a wait defers it, an incident defers it, and it stays pending until a training starts.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import TypeAdapter

from ml.cadence import Cadence, Training, within
from ml.incident import Finding

Kind = Literal["incident", "retrain", "wait", "none"]
Lane = Literal["normal", "alarm"]
PERFORMANCE = "performance"
FIRST_MODEL, FEATURES_CHANGED, SCHEDULE = "first model", "features changed", "schedule"
RECOMPUTED = (FEATURES_CHANGED, SCHEDULE)  # true or not on any day, so there is nothing to carry


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
    matured_rows: int  # the most that a recipe would learn from
    has_champion: bool
    unseen_days: int = 0  # matured days that the champion has not learned from
    failed: tuple[FailedCheck, ...] = ()
    incidents: tuple[Finding, ...] = ()
    features_changed: str | None = None  # how they differ from what the champion learned from
    mixed: str | None = None  # days that a training needs and that other dbt models have made
    resting: Mapping[str, date] = field(default_factory=dict)  # recipe -> until when
    learnable: Mapping[str, int] = field(default_factory=dict)  # recipe -> rows, by the day's lane
    new_since: date | None = None  # first day of a world too young for the normal lane


@dataclass(frozen=True)
class Previous:
    """The decision before this one, and what it left to do.

    asked_on: the day whose training is asked for or in flight, None where there is none. asked:
    what that training answers, by name.
    """

    as_of: date
    kind: Kind
    pending: tuple[str, ...] = ()
    asked_on: date | None = None
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, decision: "Decision") -> "Previous":
        """What the next day's decision has to know of one."""
        return cls(
            decision.as_of, decision.kind, decision.pending, decision.asked_on, decision.asked
        )


@dataclass(frozen=True)
class History:
    """What happened before the decision day; trainings oldest first, whatever became of them."""

    previous: Previous | None = None
    trainings: tuple[Training, ...] = ()
    in_flight: bool = False

    @property
    def last_training(self) -> date | None:
        """The day of the newest training."""
        return self.trainings[-1].as_of if self.trainings else None


@dataclass(frozen=True)
class RetrainPolicy:
    """How often and from how much data a model may be trained; days are as_of days."""

    min_rows: int
    cooldown_days: int
    min_unseen_days: int = 0  # fewer cannot judge a candidate against the champion
    cadence: Cadence = field(default_factory=Cadence)
    budget: int = 8  # trainings in `budget_days`, those that an alarm asks for included
    budget_days: int = 28


@dataclass(frozen=True)
class Decision:
    """A row of the ledger. `pending` are the reasons to train that no training has answered yet.

    asked_on: the day of the decision whose training has not come to a verdict; kept while it runs.
    asked: the names of what was pending on that day.
    """

    as_of: date
    kind: Kind
    lane: Lane
    reasons: tuple[str, ...]
    pending: tuple[str, ...]
    evidence: Evidence
    asked_on: date | None = None
    asked: tuple[str, ...] = ()

    @property
    def by_alarm(self) -> bool:
        """Whether a failed check asks for the training, and not only the calendar or the code."""
        return not {*_names(self.pending)} <= {FIRST_MODEL, *RECOMPUTED}


def decide(evidence: Evidence, history: History, policy: RetrainPolicy) -> Decision:
    """The same evidence and history give the same decision.

    Raises ValueError where the history is not older than the evidence.
    """
    _check_order(evidence, history)
    pending = _latest((*_left_over(evidence, history), *_new_reasons(evidence, history, policy)))
    kind, reasons = _choose(evidence, history, policy, pending)
    lane = lane_of(evidence.failed, evidence.new_since)
    asked_on, asked = _asked(evidence, history, kind, pending)
    return Decision(evidence.as_of, kind, lane, reasons, pending, evidence, asked_on, asked)


def lane_of(failed: Iterable[FailedCheck], new_since: date | None) -> Lane:
    """The alarm lane while the loss alarm is up, or the world since the last one is still new.

    Older rows would judge by, or teach, a world that is gone.
    """
    is_up = any(c.name == PERFORMANCE and c.severity == "ERROR" for c in failed)
    return "alarm" if is_up or new_since else "normal"


def most_rows(learnable: Mapping[str, int], resting: Collection[str]) -> int:
    """The most rows that a recipe would learn from which does not rest, or any where all rest."""
    awake = [rows for recipe, rows in learnable.items() if recipe not in resting]
    return max(awake or learnable.values(), default=0)


def to_json(decision: Decision) -> str:
    """The decision as text, for the ledger."""
    return TypeAdapter(Decision).dump_json(decision).decode()


def from_json(text: str) -> Decision:
    """The same decision again; raises pydantic's ValidationError where the text is no such."""
    return TypeAdapter(Decision).validate_json(text)


def _asked(
    evidence: Evidence, history: History, kind: Kind, pending: tuple[str, ...]
) -> tuple[date | None, tuple[str, ...]]:
    """Whose day's training is to answer what: today's, or the one that is in flight."""
    if kind == "retrain":
        return evidence.as_of, _names(pending)
    if history.previous and history.in_flight:
        return history.previous.asked_on, history.previous.asked
    return None, ()


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
    if not pending:
        too_early = not evidence.has_champion and evidence.matured_rows < policy.min_rows
        return "none", (_matured(evidence, policy),) if too_early else ()
    obstacle = _obstacle(evidence, history, policy)
    if obstacle:
        return "wait", (obstacle,)
    resting = (f"recipe {r} rests until {day}" for r, day in evidence.resting.items())
    return "retrain", (*pending, *resting)


def _obstacle(evidence: Evidence, history: History, policy: RetrainPolicy) -> str | None:
    """Why nothing can be trained today, or None."""
    if history.in_flight:
        return "a training is in flight"
    if evidence.mixed:
        return evidence.mixed
    passed = _days_since_training(evidence, history)
    is_due = passed is None or passed >= policy.cooldown_days
    if not is_due and not evidence.features_changed:  # asked once for each change of the SQL
        return f"cooldown: {passed} of {policy.cooldown_days} days since the training"
    spent = within(history.trainings, evidence.as_of, policy.budget_days)
    if spent >= policy.budget:
        return f"budget: {spent} of {policy.budget} trainings in {policy.budget_days} days"
    if evidence.matured_rows < policy.min_rows:
        return _matured(evidence, policy)
    if evidence.has_champion and evidence.unseen_days < policy.min_unseen_days:
        days = f"{evidence.unseen_days} of {policy.min_unseen_days} days"
        return f"{days} have matured that the champion has not learned from"
    if evidence.learnable and evidence.learnable.keys() <= evidence.resting.keys():
        return f"every recipe rests, the first until {min(evidence.resting.values())}"
    return None


def _matured(evidence: Evidence, policy: RetrainPolicy) -> str:
    return f"{evidence.matured_rows} of {policy.min_rows} rows matured"


def _days_since_training(evidence: Evidence, history: History) -> int | None:
    if history.last_training is None:
        return None
    return (evidence.as_of - history.last_training).days


def _new_reasons(evidence: Evidence, history: History, policy: RetrainPolicy) -> tuple[str, ...]:
    enough = evidence.matured_rows >= policy.min_rows
    first = (FIRST_MODEL,) if enough and not evidence.has_champion else ()
    errors = (f"{c.name}: {c.reason}" for c in evidence.failed if c.severity == "ERROR")
    changed = evidence.features_changed
    changes = (f"{FEATURES_CHANGED}: {changed}",) if changed else ()
    due = enough and evidence.has_champion and _challenger_is_due(evidence, history, policy)
    days = _days_since_training(evidence, history)
    scheduled = (f"{SCHEDULE}: {days} days since the last training",) if due else ()
    return (*first, *errors, *changes, *scheduled)


def _challenger_is_due(evidence: Evidence, history: History, policy: RetrainPolicy) -> bool:
    """Whether one comes by the calendar; not before it can be judged, for nobody asked for it."""
    passed = _days_since_training(evidence, history)
    if passed is None or history.in_flight or evidence.unseen_days < policy.min_unseen_days:
        return False
    return passed >= policy.cadence.days(history.trainings)


def _left_over(evidence: Evidence, history: History) -> tuple[str, ...]:
    """Reasons from before that no training has answered since.

    A training as of the day that asked for it, or of a later one, answers what was pending then;
    what came up while it was in flight stays, and while it is in flight all of it: it may fail. A
    first model is needed until there is one.
    """
    previous, trained = history.previous, history.last_training
    if previous is None or (trained and trained > previous.as_of):
        return ()
    is_answered = trained and previous.asked_on and trained >= previous.asked_on
    gone = {*RECOMPUTED, *(previous.asked if is_answered else ())}
    if evidence.has_champion:
        gone.add(FIRST_MODEL)
    names = _names(previous.pending)
    return tuple(r for name, r in zip(names, previous.pending, strict=True) if name not in gone)


def _latest(reasons: Iterable[str]) -> tuple[str, ...]:
    """One reason per check, in the order they came up, in the newest words."""
    found = tuple(reasons)
    return tuple(dict(zip(_names(found), found, strict=True)).values())


def _names(reasons: Iterable[str]) -> tuple[str, ...]:
    """What each reason is about: a check, or the calendar."""
    return tuple(reason.split(":")[0] for reason in reasons)


def _unique(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
