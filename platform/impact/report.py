"""What a change does, as one value that is shown in a terminal, as HTML, Markdown and JSON."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    """What a change means to a live model, the mildest first."""

    NO_EFFECT = "no effect"
    COMPATIBLE = "compatible"
    RETRAIN = "retrain"
    BREAKING = "breaking"


class Reported(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True)


class ColumnImpact(Reported):
    """What becomes of one column of a table.

    name: as it is now; of a removed one as it was. was, now: DuckDB types, None where it is not
    there. renamed_from: a removed column with the same value in every common row. Shares are of
    the common rows; shift is the distance that drift checks use (`ml.distance`).
    """

    name: str
    was: str | None
    now: str | None
    renamed_from: str | None = None
    changed: float | None = None
    shift: float | None = None
    nulls_before: float | None = None
    nulls_after: float | None = None

    @property
    def is_added(self) -> bool:
        """Whether it is new under any name."""
        return self.was is None and self.renamed_from is None

    @property
    def what(self) -> str:
        """Its change in words, empty where there is none."""
        if self.renamed_from:
            return f"renamed from {self.renamed_from}"
        if self.was is None or self.now is None:
            return f"added, {self.now}" if self.now else f"removed, was {self.was}"
        retyped = f"{self.was} → {self.now}" if self.was != self.now else ""
        values = f"{self.changed:.2%} of values" if self.changed else ""
        return ", ".join(part for part in (retyped, values) if part)


class TableImpact(Reported):
    """What becomes of a features or labels table on the sampled days.

    gained, lost: rows by key that only the new or only the old SQL gives. repeated: keys that the
    new SQL gives more than once. faults: contract and data tests that the new rows break, and what
    fails in DuckDB. columns: those that change, in the table's order.
    """

    table: str
    file: str
    same_sql: bool
    rows_before: int = 0
    rows_after: int = 0
    gained: int = 0
    lost: int = 0
    repeated: int = 0
    examples: tuple[str, ...] = ()
    columns: tuple[ColumnImpact, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether not a row, column or value differs."""
        return not (self.gained or self.lost or self.repeated or self.columns or self.faults)


class ChampionImpact(Reported):
    """The live version on old and new rows.

    cannot: why it cannot score the new ones. moved: mean absolute movement of a prediction;
    moved_sd: in standard deviations of its predictions. flipped: share of rows that change sides at
    the operating point; None where the task has none.
    """

    version: int
    cannot: str | None = None
    rows: int = 0
    moved: float = 0.0
    moved_sd: float = 0.0
    flipped: float | None = None
    operating_point: float | None = None


class ChallengerImpact(Reported):
    """The same training on old and on new rows, judged on the same later rows.

    Losses are means over seeds. difference: new minus old, with the bounds of its 95 % interval
    over blocks of days; seed_noise: how far two seeds are apart on the same rows.
    """

    metric: str
    unit: str
    seeds: tuple[int, ...]
    train_rows: int
    test_rows: int
    test_days: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    seed_noise: float

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance: of the days, and of the seed."""
        return (self.low > 0 or self.high < 0) and abs(self.difference) > self.seed_noise


class Leak(Reported):
    """A column that seems to know what cannot be known on its day, and how that shows."""

    column: str
    why: str


class ModelImpact(Reported):
    """What a change means to one ML model."""

    model: str
    verdict: Verdict
    reasons: tuple[str, ...]
    tables: tuple[TableImpact, ...] = ()
    champion: ChampionImpact | None = None
    challenger: ChallengerImpact | None = None
    leaks: tuple[Leak, ...] = ()
    left_out: tuple[str, ...] = ()


class Impact(Reported):
    """What a change means to every ML model.

    base: name and commit that is compared with. files: those that differ, as dbt compares. days:
    sampled ones.
    """

    base: str
    commit: str
    files: tuple[str, ...]
    days: tuple[date, ...]
    models: tuple[ModelImpact, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """The gravest of all models."""
        order = list(Verdict)
        return max((m.verdict for m in self.models), key=order.index, default=Verdict.NO_EFFECT)
