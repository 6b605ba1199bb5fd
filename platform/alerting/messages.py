"""The words of an alert: what, which day, why, and the next step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

LINES = 20

# Kind → what has happened, and the next step; the ledger names the kinds. {url} opens Dagster.
KINDS: Mapping[str, tuple[str, str]] = {
    "held": (
        "held",
        "see {url}/assets/raw/{subject}; put a repaired file in its place, or "
        "`leeway release {subject} {day} --why ...`. Nothing downstream has seen it",
    ),
    "release": ("released", "nothing: a person has let this day in"),
    "features": (
        "features failed their tests",
        "`leeway status` names tests and days. Only changed SQL or a changed rule repairs {day}: "
        "then build it again. Rows of a repaired file count from a later day on; {day} then stays "
        "left out of training and scoring",
    ),
    "leak": (
        "features or labels hold what was not known on their day",
        "`leeway audit {subject}` names columns, rows and deliveries; repair the SQL and build the "
        "days again (docs/point-in-time.md). Distrust what the model's evaluation has shown",
    ),
    "incident": (
        "broken data, no training",
        "see {url}/assets/{subject}/drift; repair the data. It trains again once they are clean",
    ),
    "promotion": ("new champion", "nothing; the comparison: {url}/assets/{subject}/evaluation"),
    "rollback": (
        "gone back to an older version",
        "`leeway ledger {subject}` tells what was live when, and why; nothing else is to be done",
    ),
    "run_failed": (
        "run failed",
        "open the run, repair what its error names, and re-execute it from failure, or run the "
        "same `leeway run` again",
    ),
}
OTHER = ("{kind}", "`leeway status`")


@dataclass(frozen=True)
class Message:
    """What an address gets."""

    title: str
    body: str


def single(day: date, kind: str, subject: str, message: str, url: str) -> Message:
    """Return the message of one alert; a kind that has no words of its own is told by its name."""
    what, step = KINDS.get(kind, OTHER)
    known = {"url": url.rstrip("/"), "subject": subject, "day": day, "kind": kind}
    title = f"Leeway: {subject} {day}: {what.format(**known)}"
    return Message(title, f"{message}\nNext: {step.format(**known)}")


def digest(kinds: Mapping[str, int], lines: Sequence[str]) -> Message:
    """Return one message for many alerts.

    kinds: how many of each; lines: one per alert, newest first.
    """
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    shown = [*lines[:LINES], *([f"... and {len(lines) - LINES} more"] if lines[LINES:] else [])]
    step = "Next: `leeway status`; all of them are in the lake's table ledger.alerts"
    return Message(f"Leeway: {len(lines)} alerts: {counts}", "\n".join([*shown, step]))
