"""Whether a model that was trained again is the one that was registered, hash by hash.

The same build repeats to the bit (`ml.determinism`). Another one adds and multiplies in another
order, so its predictions are compared instead. Between AVX512, AVX2 and none of both the largest
difference of a probability was 6.6e-4 on 12,870 rows (six seeds) and 2.3e-3 on 98,200 (two seeds);
between two seeds it was 0.11 and 0.05.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

TOLERANCE = 1e-2  # of a probability; of a number, of two standard deviations


class Outcome(StrEnum):
    """What a training again has shown."""

    BITS = "reproduced to the bit"
    CLOSE = "reproduced within tolerance"
    NOT = "not reproduced"


@dataclass(frozen=True)
class Compared:
    """A hash or a fact as it was kept with a version, None where it was not, and as it is now."""

    what: str
    then: str | None
    now: str

    @property
    def same(self) -> bool:
        """Whether nothing has changed; False where it is not known."""
        return self.then == self.now

    def __str__(self) -> str:
        return f"{self.what} {self.then or 'unknown'} then, {self.now} now"


@dataclass(frozen=True)
class Reproduction:
    """A registered version beside the same training done again.

    kept: hashes of data and artifact, and the seed, as they were kept and as they are read now.
    trained: hashes of weights and predictions, of the registered model and of the retrained one.
    build: what the bits depend on beside data and settings.
    partitions: those whose rows are not those that were trained on, as `table day`.
    difference: the largest absolute one between both models' predictions of `rows` rows, in units
    of the task (`ml.task.Task.unit_of`).
    """

    model: str
    version: int
    kind: str
    snapshot: int
    kept: tuple[Compared, ...]
    trained: tuple[Compared, ...]
    build: tuple[Compared, ...]
    partitions: tuple[str, ...]
    rows: int
    difference: float

    @property
    def outcome(self) -> Outcome:
        """Equal to the bit; or close, where something known of the build explains it; or not."""
        if self.partitions or any(each.then and not each.same for each in self.kept):
            return Outcome.NOT
        if all(each.same for each in self.trained):
            return Outcome.BITS
        explained = self.changed and self.difference <= TOLERANCE
        return Outcome.CLOSE if explained else Outcome.NOT

    @property
    def changed(self) -> tuple[Compared, ...]:
        """What of the build is another one now; what was not kept then is not known to be same."""
        unknown = tuple(each for each in self.kept if each.then is None)
        return (*unknown, *(each for each in self.build if not each.same))

    @property
    def told(self) -> str:
        """The outcome in a sentence, with what differs."""
        found = (*self.kept, *self.trained)
        differs = [f"{each.what} differ" for each in found if each.then and not each.same]
        build = "; ".join(map(str, self.changed))
        largest = f"the largest difference of {self.rows:,} predictions is {self.difference:.2g}"
        rows = [f"rows of {partition} differ" for partition in self.partitions]
        if self.outcome is Outcome.BITS:
            return f"{self.outcome}, although {build}" if build else str(self.outcome)
        if self.outcome is Outcome.CLOSE:
            return f"reproduced within {TOLERANCE:g} ({largest}): {build}"
        return f"{self.outcome}: " + "; ".join(filter(None, [*differs, *rows, largest, build]))

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        said = {"outcome": str(self.outcome), "told": self.told, "tolerance": TOLERANCE}
        return {**asdict(self), **said}
