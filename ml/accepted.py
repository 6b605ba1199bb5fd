"""What a person has accepted for good: the data are right, the world has changed on a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ml.incident import Finding


@dataclass(frozen=True)
class Accepted:
    """One finding of one column that is no incident any more, of days from `since` on."""

    name: str
    column: str | None
    since: date
    why: str

    def __str__(self) -> str:
        return f"{named(self.name, self.column)} accepted since {self.since}: {self.why}"

    def covers(self, finding: Finding, as_of: date) -> bool:
        """Whether a finding is this one; what only days together show is of the watch's day."""
        same = (finding.name, finding.column) == (self.name, self.column)
        return same and (finding.day or as_of) >= self.since


def apart(
    findings: Sequence[Finding], accepted: Sequence[Accepted], as_of: date
) -> tuple[list[Finding], set[Accepted]]:
    """Return the findings that nobody has accepted, and what the others are covered by."""
    covered = {
        finding: next((each for each in accepted if each.covers(finding, as_of)), None)
        for finding in findings
    }
    return [f for f, by in covered.items() if by is None], {by for by in covered.values() if by}


def named(name: str, column: str | None) -> str:
    """Return a finding in words."""
    return f"{name} of {column}" if column else name
