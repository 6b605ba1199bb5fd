"""The keys of parent tables, for `relationships` tests that are enforced on every row."""

from collections.abc import Collection
from datetime import date
from typing import Any

from declaration import RawTable
from errors import DeliveryError
from examples import exists
from ingestion.deliveries import NEWEST
from resources.lake import Lake, quoted

MOST_KEYS = 1_000_000  # every executor holds them in memory


def parent_keys(lake: Lake, table: RawTable) -> dict[tuple[str, str], Collection[Any]]:
    """Return the values of every parent's column, by (table, column), as published now.

    Personal values are pseudonyms, as they are in the lake. Raises DeliveryError where a parent has
    more than a million keys.
    """
    tests = [test for column in table.columns for test in column.tests]
    wanted = [t.arguments for t in tests if t.name == "relationships"]
    return {(w["to"], w["field"]): _keys(lake, table, w["to"], w["field"]) for w in wanted}


def outdated(lake: Lake, table: RawTable, days: Collection[date] | None) -> dict[date, str]:
    """Return the days whose newest delivery should be judged anew, and that delivery.

    It has rows that a `relationships` test rejected, and of a parent a delivery was published
    after it. days: None for all.
    """
    if not table.parents or not exists(lake, "quarantine", table.name):
        return {}
    found = lake.rows(
        f"""with newest as (
            select day, delivery, written_at from ledger.deliveries where table_name = $table
            and ($days is null or day in (select unnest($days::date[]))) qualify {NEWEST}
        )
        select distinct day, delivery from newest
        join {quoted("quarantine", table.name)} as bad
        on bad._day = day and bad._delivery = delivery and list_has_any(_reasons, $reasons)
        where written_at < (
            select max(greatest(written_at, released_at)) from ledger.deliveries
            where table_name in (select unnest($parents)) and status = 'published'
        )""",
        {
            "table": table.name,
            "days": None if days is None else list(days),
            "parents": list(table.parents),
            "reasons": [f"{column.name}: relationships" for column in table.columns],
        },
    )
    return {row["day"]: row["delivery"] for row in found}


def _keys(lake: Lake, table: RawTable, parent: str, column: str) -> frozenset[Any]:
    if not exists(lake, "raw", parent):
        return frozenset()  # nothing was ever taken in
    found = lake.rows(
        f"""select distinct {quoted("raw", parent, column)} as key
        from {quoted("raw", parent)} join ledger.deliveries as delivery
        on table_name = ? and status = 'published' and known_to is null
        and delivery.day = _day and delivery.delivery = _delivery
        limit {MOST_KEYS + 1}""",
        [parent],
    )
    if len(found) > MOST_KEYS:
        raise DeliveryError(
            f"{table.name}: relationships to {parent}.{column}, which has more than {MOST_KEYS:,} "
            "keys, cannot be checked row by row: test it on the staging model instead"
        )
    return frozenset(row["key"] for row in found)
