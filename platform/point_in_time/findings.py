"""What an audit has found; the keys of its JSON are these fields."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from point_in_time.compare import Cell, Counts

Why = Literal["later", "range", "untold", "stored"]


class Origin(BaseModel):
    """A delivery of a raw table, or a day of a table by day, that became known after the day."""

    table: str
    day: date
    delivery: str | None = Field(description="null for a table by day")
    known_from: date


class Finding(Cell):
    """A difference and what makes it.

    why: `later`, what became known later; `range`, the days it is built together with; `untold`,
    rows that are held or of relations without a clock; `stored`, nothing that the SQL reads now.
    """

    why: Why
    known_until: date | None = Field(None, description="as known on this day the value is right")
    moved_on: date | None = Field(None, description="as known on this day it is another")
    made_on: date | None = Field(None, description="as known on this day it is the one found")
    origins: list[Origin] = Field([], description="the first of what became known in between")
    more_origins: int = Field(0, description="how many others")


class DayAudit(BaseModel):
    """One day of a table, compared."""

    day: date
    known_on: date = Field(description="the day, plus the horizon of a label")
    rows: int = Field(description="rows as known then")
    counts: list[Counts] = Field(description="what differs, by column")
    findings: list[Finding] = Field(description="examples of each")


class TableAudit(BaseModel):
    """One table by day."""

    table: str
    checksum: str
    fit_days: int = Field(description="days that passed, made by the present SQL")
    days: list[DayAudit] = Field(description="those that were audited")
    untold: list[str] = Field(description="relations that nothing says the clock of")

    @property
    def stored(self) -> int:
        """Cells and rows that are stored otherwise than they were known."""
        return sum(each.stored for day in self.days for each in day.counts)

    @property
    def recomputed(self) -> int:
        """Cells and rows that a backfill would write otherwise than they were known."""
        return sum(each.recomputed for day in self.days for each in day.counts)


class Audit(BaseModel):
    """The tables of one model."""

    model: str
    entity: str
    seed: int
    tables: list[TableAudit]

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not any(table.stored or table.recomputed for table in self.tables)
