"""What the audit's limits cost and catch on the real shop; `--log-cli-level=info` tells it.

Corruptions are applied to the files' text, and DuckDB computes what Spark would, in seconds.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from pathlib import Path

import duckdb
import pytest

from declared import declared
from ingestion.audit import MIN_RECENT_DAYS, Counts, Recent, before, hold_reason, warnings
from ingestion.profile import ColumnProfile, Profile
from ingestion.take_in import Loader, take_in

logger = logging.getLogger(__name__)
COLUMNS = (
    "invoice", "stock_code", "description", "quantity", "invoice_date", "price", "customer_id",
    "country",
)  # fmt: skip
MAX_REJECT_RATE = 0.02
EVERY = 10  # corruptions are tried on every tenth day

LOAD = """create table lines as
select * exclude (filename, position),
    row_number() over (partition by day order by position) as line,
    count(*) over (partition by day) as n
from (
    select *, row_number() over () as position,
        regexp_extract(filename, '([0-9-]{10})[.]csv', 1)::date as day
    from read_csv($files, columns=$columns, auto_detect=false, header=true, filename=true,
        delim=',', quote='"', escape='"')
)"""

PROFILE = r"""with given as (
    select day, line, {columns} from lines where {where}
),
typed as (
    select *,
        case when regexp_full_match(quantity, '[+-]?[0-9]+') then try_cast(quantity as integer) end
            as number,
        try_cast(price as decimal(18, 4)) as money, try_cast(invoice_date as timestamp) as happened
    from given
),
judged as (
    select *, coalesce(regexp_full_match(invoice, '[A-Z]?[0-9]{{6}}'), false)
        and stock_code is not null and country is not null and coalesce(happened::date = day, false)
        and coalesce(abs(number) <= 100000, false) and coalesce(abs(money) <= 100000, false) as ok,
        (description is null) <> lag(description is null) over file as description_breaks,
        (customer_id is null) <> lag(customer_id is null) over file as customer_breaks
    from typed window file as (partition by day order by line)
)
select day, count(*) as read, count(*) filter (ok) as accepted,
    min(epoch(happened) - epoch(day)) filter (ok) / 3600 as first,
    max(epoch(happened) - epoch(day)) filter (ok) / 3600 as last,
    quantile_disc(number, 0.5) filter (ok)::double as quantity_median,
    quantile_disc(money, 0.5) filter (ok)::double as price_median,
    avg(length(invoice)) filter (ok) as invoice_length,
    avg(length(stock_code)) filter (ok) as stock_code_length,
    avg(length(description)) filter (ok) as description_length,
    avg(length(country)) filter (ok) as country_length,
    count(distinct invoice) filter (ok) / count(invoice) filter (ok) as invoice_distinct,
    count(distinct stock_code) filter (ok) / count(stock_code) filter (ok) as stock_code_distinct,
    count(distinct description) filter (ok) / count(description) filter (ok)
        as description_distinct,
    count(distinct customer_id) filter (ok) / count(customer_id) filter (ok)
        as customer_id_distinct,
    count(distinct country) filter (ok) / count(country) filter (ok) as country_distinct,
    avg((description is null)::int) filter (ok) as description_nulls,
    avg(description_breaks::int) filter (ok) as description_breaks,
    avg((customer_id is null)::int) filter (ok) as customer_id_nulls,
    avg(customer_breaks::int) filter (ok) as customer_id_breaks
from judged group by day order by day"""


@dataclass(frozen=True)
class Day:
    """A day's file, as the audit sees it."""

    day: date
    counts: Counts
    profile: Profile


@pytest.fixture(scope="module")
def shop(real_data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every line of the shop as text; the files name columns in two ways, in one order."""
    with duckdb.connect() as connection:
        files = str(real_data / "order_lines" / "*.csv.gz")
        connection.execute(LOAD, {"files": files, "columns": dict.fromkeys(COLUMNS, "varchar")})
        yield connection


def days_of(
    shop: duckdb.DuckDBPyConnection, changed: dict[str, str] | None = None, where: str = "true"
) -> list[Day]:
    """Every day, with some columns replaced by SQL expressions; `where` chooses lines."""
    columns = ", ".join(f"({(changed or {}).get(c, c)}) as {c}" for c in COLUMNS)
    rows = shop.execute(PROFILE.format(columns=columns, where=where)).to_arrow_table().to_pylist()
    return [day_of(row) for row in rows]


def day_of(row: dict) -> Day:
    measured = {k: v for k, v in row.items() if k.rpartition("_")[0] in COLUMNS}
    fields: dict[str, dict[str, float]] = {}
    for name, value in measured.items():
        column, _, field = name.rpartition("_")
        fields.setdefault(column, {})[field] = value
    columns = {name: ColumnProfile(**found) for name, found in fields.items()}
    profile = Profile(rows=row["accepted"], first=row["first"], last=row["last"], columns=columns)
    return Day(row["day"], Counts(row["read"], row["accepted"]), profile)


@pytest.fixture(scope="module")
def healthy(shop: duckdb.DuckDBPyConnection) -> list[Day]:
    """The days as they are."""
    return days_of(shop)


@pytest.fixture(scope="module")
def recent(healthy: list[Day]) -> dict[date, list[Recent]]:
    """What each day is compared with; a held day is no yardstick."""
    published: list[Recent] = []
    found = {}
    for day in healthy:
        found[day.day] = before(published, day.day)
        if held(day, found) is None:
            published.append(Recent(day.day, day.profile))
    return found


def held(day: Day, recent: dict[date, list[Recent]]) -> str | None:
    return hold_reason(day.counts, day.profile, recent[day.day], MAX_REJECT_RATE)


def warned(day: Day, recent: dict[date, list[Recent]], replaced: int | None = None) -> bool:
    return bool(warnings(day.day, day.profile, recent[day.day], replaced))


def tried(days: list[Day]) -> list[Day]:
    """The days on which a corruption is tried: those that have a yardstick."""
    return days[MIN_RECENT_DAYS::EVERY]


def every_tenth(healthy: list[Day]) -> str:
    chosen = ", ".join(f"'{day.day}'" for day in tried(healthy))
    return f"day in ({chosen})"


def test_at_most_one_healthy_day_a_year_is_held(healthy, recent) -> None:
    false = {day.day: reason for day in healthy if (reason := held(day, recent))}
    few = [day.day for day in healthy if warned(day, recent)]
    years = (healthy[-1].day - healthy[0].day).days / 365
    logger.info("held: %.1f a year, %s", len(false) / years, false)
    logger.info("warned: %.1f a year", len(few) / years)
    assert len(healthy) == 604
    assert len(false) / years <= 1
    assert len(few) / years <= 31


NULLED = "case when hash(line * 7919 + epoch(day)::bigint) % 1000 >= 600 then {} end"
CORRUPTIONS = {
    "price x 100": {"price": "(price::decimal(18, 4) * 100)::varchar"},
    "price / 100": {"price": "(price::decimal(18, 4) / 100)::decimal(18, 4)::varchar"},
    **{f"60 % nulls in {column}": {column: NULLED.format(column)} for column in COLUMNS},
    **{f"{a} and {b} swapped": {a: b, b: a} for a, b in combinations(COLUMNS, 2)},
}


def test_spark_s_profiles_are_those_of_this_test(
    healthy, lake, spark, parsed, real_data, tmp_path
) -> None:
    [table] = declared(parsed).tables
    by_day = {day.day: day for day in healthy}
    days, staging = sorted(by_day)[100:400:100], tmp_path / "staging"
    loader = Loader(lake, lambda: spark, table, str(real_data), b"key", staging)
    intake = take_in(loader, days)
    for found in intake.deliveries:
        expected = by_day[found.day]
        assert replace(found.counts, records=None) == expected.counts
        assert (found.profile.first, found.profile.last) == pytest.approx(
            (expected.profile.first, expected.profile.last)
        )
        assert set(expected.profile.columns) == set(found.profile.columns)
        for name, column in expected.profile.columns.items():
            exact, near = column.model_dump(), found.profile.columns[name].model_dump()
            different = exact.pop("distinct")
            assert near.pop("distinct") == (different and pytest.approx(different, rel=0.1))
            assert near == pytest.approx(exact)


def test_corrupted_days_are_always_held(shop, healthy, recent) -> None:
    missed = {}
    for name, changed in CORRUPTIONS.items():
        found = days_of(shop, changed, every_tenth(healthy))
        missed[name] = [str(day.day) for day in found if held(day, recent) is None]
        logger.info("%s: %s of %s held", name, len(found) - len(missed[name]), len(found))
    assert {name: days for name, days in missed.items() if days} == {}


HALVES = {
    "first half": "line <= n / 2",
    "last half": "line > n / 2",
    "every second line": "line % 2 = 0",
}


def test_halved_days_are_warned_of(shop, healthy, recent) -> None:
    rows = {day.day: day.profile.rows for day in healthy}
    told = {}
    for name, where in HALVES.items():
        found = days_of(shop, where=where)[MIN_RECENT_DAYS:]
        told[name] = [day for day in found if warned(day, recent) or held(day, recent)]
        logger.info("%s: %s of %s said", name, len(told[name]), len(found))
        assert all(warned(day, recent, rows[day.day]) for day in found)
    assert len(told["first half"]) >= 0.99 * 597
    assert len(told["last half"]) >= 0.99 * 597
    assert len(told["every second line"]) >= 0.8 * 597
