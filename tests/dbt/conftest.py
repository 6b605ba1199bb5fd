"""A small real lake and the real dbt project, parsed once for the session."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zlib import crc32

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from duckdb_extensions import import_extension

from resources.whole import UNSAFE_OPTIMIZER

PROJECT = Path(__file__).parents[2] / "dbt_project"
EXTENSIONS = ("ducklake", "sqlite_scanner")
TABLES = """
create schema lake.raw; create schema lake.ledger;
create table lake.raw.order_lines (
    invoice varchar, stock_code varchar, description varchar, quantity integer,
    invoice_date timestamp, price decimal(18,4), customer_id varchar, country varchar,
    _day date, _delivery varchar, _line bigint);
create table lake.ledger.deliveries (
    table_name varchar, day date, delivery varchar, file varchar, file_hash varchar,
    rows_read bigint, rows_accepted bigint, rows_quarantined bigint, medians varchar,
    status varchar, reason varchar, known_from date, known_to date, written_at timestamp);
create table lake.ledger.partitions (
    table_name varchar, day date, rows bigint, checksum varchar, written_at timestamp,
    status varchar, failures varchar);
create table lake.ledger.alerts (
    day date, kind varchar, subject varchar, message varchar, written_at timestamp,
    sent_at timestamp);
"""

SIXTY_DAYS = """
insert into lake.raw.order_lines
select
    lpad((hash(day, customer) % 900000)::varchar, 6, '0'),
    lpad((hash(day, customer, line) % 40)::varchar, 5, '0'), 'LAMP', 1 + hash(line, day) % 6,
    day + interval 9 hour, 0.05 + (hash(customer, day) % 997) / 100, 'c' || customer, 'Norway',
    day, day::varchar, line
from (select range::date as day from range(date '2020-03-01', date '2020-04-30', interval 1 day)),
    range(60) as customers (customer), range(1, 5) as lines (line)
where hash(day, customer) % 5 = 0 and hash(line, customer, day) % 3 > 0;
insert into lake.ledger.deliveries (table_name, day, delivery, status, known_from)
select 'order_lines', range::date, range::date::varchar,
    if(range::date = '2020-04-10', 'held', 'published'), range::date
from range(date '2020-03-01', date '2020-04-30', interval 1 day)
where range::date <> '2020-03-11'
"""
NEXT = "2020-04-30"  # the day after the sixty, from which the news are known


@dataclass
class Shop:
    """A lake with the shop's raw table, and dbt to build on it."""

    home: Path
    manifest: Manifest
    project: Path = PROJECT

    def execute(self, sql: str, *parameters: object) -> list[tuple]:
        """The rows of one statement, run on a connection of its own."""
        with duckdb.connect() as connection:
            for extension in EXTENSIONS:
                connection.load_extension(extension)
            connection.execute(f"set disabled_optimizers = '{UNSAFE_OPTIMIZER}'")
            connection.execute(
                f"attach 'ducklake:sqlite:{self.home}/lake/catalog.sqlite' as lake "
                f"(data_path '{self.home}/lake/data/', meta_journal_mode 'WAL')"
            )
            return connection.execute(sql, list(parameters)).fetchall()

    def deliver(
        self,
        day: str,
        *lines: tuple[str, str, int],
        known_from: str | None = None,
        known_to: str | None = None,
        status: str = "published",
    ) -> None:
        """Add a delivery of (customer, stock code, quantity) lines at 2.50 each."""
        delivery = f"{day}/{known_from}/{status}"
        self.execute(
            "insert into lake.ledger.deliveries (table_name, day, delivery, status, known_from, "
            "known_to) values ('order_lines', ?, ?, ?, ?, ?)",
            *(day, delivery, status, known_from or day, known_to),
        )
        if lines:
            rows = [
                (_invoice(day, customer, quantity), stock_code, quantity, customer, number)
                for number, (customer, stock_code, quantity) in enumerate(lines, start=1)
            ]
            self.execute(
                "insert into lake.raw.order_lines select invoice, stock_code, 'LAMP', quantity, "
                "?::date + interval 9 hour, 2.5, customer, 'Norway', ?, ?, line from "
                f"(values {', '.join(['(?, ?, ?, ?, ?)'] * len(rows))}) "
                "as lines (invoice, stock_code, quantity, customer, line)",
                *(day, day, delivery, *(value for row in rows for value in row)),
            )

    def deliver_empty(self, first: str, last: str) -> None:
        """Add a delivery without lines for each day from first to last."""
        self.execute(
            "insert into lake.ledger.deliveries (table_name, day, delivery, status, known_from) "
            "select 'order_lines', range::date, 'empty', 'published', range::date "
            "from range(?::date, ?::date + 1, interval 1 day)",
            *(first, last),
        )

    def deliver_sixty_days(self) -> None:
        """Deliver 2020-03-01 to 2020-04-30: one day is held, one has no file."""
        for statement in SIXTY_DAYS.split(";"):
            self.execute(statement)

    def deliver_news(self) -> None:
        """Deliver a late, a changed, a withdrawn and a released file, known from NEXT on."""
        late = [("c1", "00001", 5), ("c99", "00001", 5)]
        self.deliver("2020-03-11", *late, known_from=NEXT)
        for day in ("2020-03-21", "2020-03-31"):
            self.execute(
                "update lake.ledger.deliveries set status = 'superseded', known_to = ? "
                "where day = ?",
                *(NEXT, day),
            )
        self.deliver("2020-03-21", ("c2", "00002", 9), known_from=NEXT)
        self.deliver("2020-03-31", status="held", known_from=NEXT)
        self.execute(
            "update lake.ledger.deliveries set status = 'published', known_from = ? where day = ?",
            *(NEXT, "2020-04-10"),
        )
        self.deliver(NEXT, ("c3", "00003", 1))

    def build(self, start: str, stop: str, *arguments: str) -> None:
        """Build the models, untested, for the days from start to before stop."""
        days = ["--event-time-start", start, "--event-time-end", stop]
        assert self.dbt("run", *days, *arguments), "dbt run failed; its output says why"

    def dbt(self, *arguments: str) -> bool:
        """Whether dbt succeeded on this lake; it gets a copy of the manifest, as a run marks it."""
        folders = ["--project-dir", str(self.project), "--profiles-dir", str(self.project)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEEWAY_HOME", str(self.home))
            patch.setenv("DBT_TARGET_PATH", str(self.home / "target"))
            patch.setenv("DBT_LOG_PATH", str(self.home / "logs"))
            return (
                dbtRunner(manifest=self.manifest.deepcopy()).invoke([*arguments, *folders]).success
            )

    def rows(self, table: str, as_of: str) -> list[tuple]:
        """All columns of a day's rows, in the order of the customers."""
        return self.execute(
            f"from lake.features.{table} where as_of = ? order by customer_id",
            date.fromisoformat(as_of),
        )

    def value(self, column: str, as_of: str, customer: str = "ann") -> object:
        """One feature of one customer."""
        [(value,)] = self.execute(
            f"select {column} from lake.features.customer_features "
            "where as_of = ? and customer_id = ?",
            *(date.fromisoformat(as_of), customer),
        )
        return value


def _invoice(day: str, customer: str, quantity: int) -> str:
    number = crc32(f"{day}{customer}".encode()) % 10**6
    return f"{'C' if quantity < 0 else ''}{number:06}"


def empty_lake(home: Path) -> None:
    """Make the tables that dbt finds in a lake without deliveries."""
    (home / "lake" / "data").mkdir(parents=True)
    Shop(home, Manifest()).execute(TABLES)


def parse(project: Path, home: Path) -> Manifest:
    """The parsed project; its artifacts go to `home`, which gets an empty lake."""
    for extension in EXTENSIONS:
        import_extension(extension)
    empty_lake(home)
    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEEWAY_HOME", str(home))
        patch.setenv("DBT_TARGET_PATH", str(home / "target"))
        patch.setenv("DBT_LOG_PATH", str(home / "logs"))
        result = dbtRunner().invoke(["parse", *folders])
    assert isinstance(result.result, Manifest), result.exception
    return result.result


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The parsed project; parsing takes seconds, so all tests share it."""
    return parse(PROJECT, tmp_path_factory.mktemp("parse"))


@pytest.fixture
def shop(tmp_path: Path, manifest: Manifest) -> Shop:
    """A lake without deliveries."""
    empty_lake(tmp_path)
    return Shop(tmp_path, manifest)


@pytest.fixture(scope="session")
def edited(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Callable[[Path], None]], Callable[[Path], Shop]]:
    """Makes shops on a copy of the project that a function has edited; each copy is parsed once."""

    def copy(edit: Callable[[Path], None]) -> Callable[[Path], Shop]:
        folder = tmp_path_factory.mktemp("edited") / "dbt_project"
        shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
        edit(folder)
        manifest = parse(folder, tmp_path_factory.mktemp("edited_parse"))

        def make(home: Path) -> Shop:
            empty_lake(home)
            return Shop(home, manifest, folder)

        return make

    return copy
