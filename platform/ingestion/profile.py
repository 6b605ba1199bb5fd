"""What a delivery looks like: the few numbers by which it is compared with recent days."""

from pydantic import BaseModel, ConfigDict


class ColumnProfile(BaseModel):
    """One column of a delivery's accepted rows; a number that does not apply is None.

    median: of a number's values. length: mean characters of a text's values; pseudonyms have none.
    distinct: share of different values among a text's values, within 5 %.
    nulls: share of rows without a value, and breaks: share of rows that differ in that from the row
    before them in the file; both for columns that may be null.
    """

    model_config = ConfigDict(frozen=True)

    median: float | None = None
    length: float | None = None
    distinct: float | None = None
    nulls: float | None = None
    breaks: float | None = None


class Profile(BaseModel):
    """A delivery's accepted rows.

    first, last: earliest and latest event of the day in hours after midnight, None where the table
    names no event time or the day has no rows.
    """

    model_config = ConfigDict(frozen=True)

    rows: int = 0
    first: float | None = None
    last: float | None = None
    columns: dict[str, ColumnProfile] = {}
