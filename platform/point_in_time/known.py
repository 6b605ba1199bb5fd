"""The lake as it was known at the end of a day: what a table's SQL would have read then.

It asks the ledger by itself and trusts no rule of the dbt project (macro `known_as_of`), so that a
mistake there shows as a difference.
"""

import re
from collections.abc import Mapping
from datetime import date

import duckdb

from resources.lake import literal, quoted
from table_query import Read, TableQuery

DELIVERIES = quoted("lake", "ledger", "deliveries")


def known_on(
    connection: duckdb.DuckDBPyConnection, query: TableQuery, day: date
) -> Mapping[str, str]:
    """Return what to read instead of the lake's relations, for `TableQuery.rows`.

    A delivery is known from `known_from` on, unless it is held; one that was replaced later was the
    published one. Of a raw table the rows of known deliveries are left, of a table by day those
    that were there by then, and nowhere one that happened after `day`.
    connection: of the lake; it gets temporary views, named after relation and day.
    """
    ledger = f"known_{day:%Y%m%d}_deliveries"
    connection.execute(f"create or replace temp view {ledger} as {_deliveries(day)}")
    instead = {DELIVERIES: f"temp.main.{ledger}"}
    for read in query.reads:
        if read.relation == DELIVERIES or is_timeless(read):
            continue
        name = quoted(f"known_{day:%Y%m%d}_" + re.sub("[^A-Za-z0-9]+", "_", read.relation))
        rows = _raw(read, ledger, day) if read.is_ingested else _by_day(read, day)
        connection.execute(f"create or replace temp view {name} as {rows}")
        instead[read.relation] = f"temp.main.{name}"
    return instead


def is_timeless(read: Read) -> bool:
    """Return whether nothing says since when rows are known: they are read as they are now."""
    return read.relation != DELIVERIES and not read.is_ingested and read.day is None


def _deliveries(day: date) -> str:
    """Deliveries that counted by the end of a day, as the ledger had them then."""
    return f"""
    select * replace (
        if(known_to > date '{day}', null, known_to) as known_to,
        if(known_to > date '{day}', 'published', status) as status
    )
    from {DELIVERIES}
    where status <> 'held' and known_from <= date '{day}' and day <= date '{day}'"""


def _raw(read: Read, ledger: str, day: date) -> str:
    happened = f" and {quoted(read.day)}::date <= date '{day}'" if read.day else ""
    return f"""
    select * from {read.relation}
    where _day <= date '{day}'{happened} and (_day, _delivery) in (
        select (day, delivery) from temp.main.{ledger} where table_name = {literal(read.name)}
    )"""


def _by_day(read: Read, day: date) -> str:
    return f"""
    select * from {read.relation}
    where {quoted(read.day or "")}::date + {read.lag_days} <= date '{day}'"""
