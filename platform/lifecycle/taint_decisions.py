"""Which decisions have used days that are now known to be wrong, and by which ways.

A decision reads the newest features, predictions and labels, all losses of its champion whenever it
was live, what its alarms know, and the trial that was going on. It counts matured rows as well,
which wrong values leave what they are; only a first model is decided on nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

import ledger
from declaration import MlModel
from lifecycle.champions import Row
from lifecycle.tested import window
from lifecycle.trial import trial_of
from lifecycle.watched import last_days
from resources.lake import Lake

WAYS = (
    "features", "labels", "losses", "its champion", "the reference of its alarms", "its trial",
    "matured rows",
)  # fmt: skip


@dataclass(frozen=True)
class Used:
    """Tainted days of a model's features and labels."""

    features: set[date]
    labels: set[date]

    @property
    def either(self) -> set[date]:
        """Days of either."""
        return self.features | self.labels


class Version(Protocol):
    """What of a version is tainted."""

    version: int
    learned: list[date]
    calibrated: list[date]


def decisions_of(
    lake: Lake, model: MlModel, history: Sequence[Row], used: Used, versions: Sequence[Version]
) -> dict[date, list[str]]:
    """Return the decision days whose evidence used tainted days, and by which ways.

    history: rows of `ledger.champions`, oldest first.
    """
    query = "select as_of, written_at from ledger.decisions where model = ? order by as_of"
    rows = lake.rows(query, [model.name])
    found = {}
    for number, row in enumerate(rows):
        day, before = row["as_of"], [each["as_of"] for each in rows[:number]]
        reigns = _in_force(history, day, row["written_at"])
        ways = _newest(model, day, used, alarms=bool(reigns))
        for reign in reigns:
            ways |= _of_champion(model, history, reign, day, used, versions)
            ways |= {"its trial"} if _by_trial(model, reign, before, day, used, versions) else set()
        if not reigns and any(each <= _matured(model, day) for each in used.either):
            ways.add("matured rows")
        if ways:
            found[day] = [way for way in WAYS if way in ways]
    return found


def _newest(model: MlModel, day: date, used: Used, *, alarms: bool) -> set[str]:
    """Return which of the newest days that a decision reads are tainted.

    alarms: whether there was a champion to watch; without one only the window's tests are read.
    """
    watched = {*window(model, day), *(last_days(day) if alarms else ())}
    ways = {"features"} if used.features & watched else set()
    matured = {each for each in watched if alarms and each <= _matured(model, day)}
    return ways | ({"labels"} if used.labels & matured else set())


def _of_champion(
    model: MlModel,
    history: Sequence[Row],
    reign: Row,
    day: date,
    used: Used,
    versions: Sequence[Version],
) -> set[str]:
    """Return by which ways the champion of a decision has brought tainted days into it."""
    version, last = reign["version"], _matured(model, day)
    # its losses of every reign are compared
    first = min(ledger.live_from(row) for row in history if row["version"] == version)
    made = next((each for each in versions if each.version == version), None)
    ways = {
        "losses": any(first <= each <= last for each in used.either),
        "its champion": bool(made and made.learned),
        "the reference of its alarms": bool(made and made.calibrated),
    }
    return {way for way, is_used in ways.items() if is_used}


def _matured(model: MlModel, day: date) -> date:
    """Return the newest day whose labels a decision knows."""
    return day - timedelta(days=model.label.horizon_days)


def _in_force(history: Sequence[Row], day: date, written: datetime) -> list[Row]:
    """Return what is live on a day, and what was when the decision was written, if another.

    A rollback into the past comes after decisions about the version that went.
    """
    rows = [row for row in history if row["as_of"] < day]
    then = [row for row in rows if row["written_at"] <= written]
    found = [each[-1] for each in (rows, then) if each]
    return found[:1] if found[1:] == found[:1] else found


def _by_trial(
    model: MlModel,
    reign: Row,
    before: Sequence[date],
    day: date,
    used: Used,
    versions: Sequence[Version],
) -> bool:
    """Return whether a trial that a day judged has used tainted days, or a tainted shadow.

    before: the decision days until then; one after the trial's end has closed it.
    """
    trial = trial_of(model, reign)
    if trial is None or any(each >= trial.end for each in before):
        return False
    rows = any(trial.first <= each <= min(day, trial.end) for each in used.either)
    return rows or trial.shadow in {each.version for each in versions if each.learned}
