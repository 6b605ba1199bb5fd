"""A small raw table, its landing folder and a lake to take it into."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from declaration import Column, Ingest, RawTable, Test
from ingestion.take_in import Intake, Loader, take_in
from resources.lake import Lake, quoted

KEY = b"a key for tests"
HEADER = "order,sold_at,quantity,amount,customer,channel"


def column(name: str, data_type: str = "varchar", **more: Any) -> Column:
    """A column; `tests` maps a data test's name to its arguments."""
    tests = tuple(Test(name=n, arguments=a) for n, a in more.pop("tests", {}).items())
    return Column(name=name, data_type=data_type, tests=tests, **more)


COLUMNS = (
    column("order", tests={"not_null": {}, "matches": {"pattern": "[A-Z]?[0-9]{4}"}}),
    column("sold_at", "timestamp", aliases=("When",), tests={"not_null": {}}),
    column("quantity", "integer", tests={"in_range": {"min": -10, "max": 10}}),
    column("amount", "decimal(18,4)", aliases=("Price",), tests={"not_null": {}}),
    column("customer", aliases=("Customer ID",), pii=True, tests={"not_null": {}}),
    column("channel", tests={"accepted_values": {"values": ["web", "shop"]}}),
)


def make_table(columns: tuple[Column, ...] = COLUMNS, checksum: str = "v1", **ingest) -> RawTable:
    """A raw table; `checksum` stands for a version of its contract."""
    options = {"path": "{landing}/sales/{partition}.csv", "event_time": "sold_at", **ingest}
    return RawTable(
        name="sales",
        db_schema="raw",
        unique_id="source.tests.shop.sales",
        file="models/sources.yml",
        checksum=checksum,
        ingest=Ingest(**{"max_reject_rate": 1.0, **options}),
        columns=columns,
    )


@dataclass
class Desk:
    """Where files land and are taken in."""

    lake: Lake
    landing: Path
    staging: Path
    session: Callable[[], SparkSession]
    table: RawTable

    def land(self, day: date, *lines: str, header: str = HEADER) -> Path:
        """Write a day's file."""
        path = self.landing / "sales" / f"{day}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    def land_amounts(self, day: date, *amounts: float) -> Path:
        """Write a day's file of good lines with these amounts."""
        return self.land(
            day, *(f"{1000 + n},{day} 09:00:00,1,{a},ann,web" for n, a in enumerate(amounts))
        )

    def take(self, *days: date, table: RawTable | None = None) -> Intake:
        """Take days in, as a raw asset does."""
        used, landing = table or self.table, str(self.landing)
        loader = Loader(self.lake, self.session, used, landing, KEY, self.staging)
        return take_in(loader, days)

    def rows(self, table: str = "raw.sales") -> list[dict]:
        """Every row of a table, by day and line."""
        return self.lake.rows(f"select * from {table} order by _day, _delivery, _line")

    def ledger(self) -> list[dict]:
        """Deliveries in the order in which they were written."""
        return self.lake.rows("select * from ledger.deliveries order by written_at, day")

    def visible(self, as_of: date) -> list[tuple[date, float]]:
        """Day and amount of every row that counts as of the end of a day."""
        found = self.lake.rows(
            f"""select _day, amount::double as amount from {quoted("raw", self.table.name)} as raw
            join ledger.deliveries as d on raw._day = d.day and raw._delivery = d.delivery
            where table_name = ? and status <> 'held' and known_from <= ?
            and (known_to is null or ? < known_to) order by 1, 2""",
            [self.table.name, as_of, as_of],
        )
        return [(row["_day"], row["amount"]) for row in found]


@pytest.fixture
def desk(lake: Lake, spark: SparkSession, tmp_path: Path) -> Desk:
    """An empty desk."""
    (tmp_path / "landing").mkdir()
    return Desk(lake, tmp_path / "landing", tmp_path / "staging", lambda: spark, make_table())


def packed(path: Path, text: str) -> Path:
    """Write text as gzip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


@pytest.fixture(scope="session")
def sales() -> Callable[..., RawTable]:
    """The maker of raw tables."""
    return make_table


@pytest.fixture(scope="session")
def declare() -> Callable[..., Column]:
    """The maker of columns."""
    return column


@pytest.fixture(scope="session")
def gz() -> Callable[[Path, str], Path]:
    """The maker of compressed files."""
    return packed
