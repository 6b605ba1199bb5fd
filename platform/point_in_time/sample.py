"""Which past days are audited: spread over the history, and where something came late."""

import random
from collections.abc import Collection, Sequence
from datetime import date

from resources.lake import Lake
from table_query import TableQuery

HELD_FOR = 7  # days after a held delivery's own on which reading it would show


def sampled(
    days: Sequence[date], telling: Collection[date], count: int, seed: int
) -> tuple[date, ...]:
    """Return up to `count` of `days`, ascending; a seed draws the same again.

    telling: those on which a leak would show best; half of the draw is from them.
    """
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    chosen = _spread(sorted(set(days) & set(telling)), count // 2, rng)
    rest = sorted(set(days) - set(chosen))
    return tuple(sorted([*chosen, *_spread(rest, count - len(chosen), rng)]))


def _spread(days: Sequence[date], count: int, rng: random.Random) -> list[date]:
    """Draw one of each of `count` equally long parts."""
    count = min(count, len(days))
    ends = [len(days) * part // count for part in range(1, count + 1)] if count else []
    starts = [0, *ends][: len(ends)]
    return [days[rng.randrange(*part)] for part in zip(starts, ends, strict=True)]


def fit_days(lake: Lake, query: TableQuery) -> list[date]:
    """Return the days of a table that its present SQL has made and that passed their tests."""
    found = lake.rows(
        """select day from ledger.partitions
        where table_name = ? and checksum = ? and status = 'passed' order by day""",
        [query.table, query.checksum],
    )
    return [row["day"] for row in found]


def telling_days(lake: Lake, query: TableQuery) -> list[date]:
    """Return the days by whose end a delivery of their past had not come, or was held."""
    found = lake.rows(
        """select distinct p.day from ledger.partitions as p join ledger.deliveries as d
            on d.day <= p.day + $horizon and (
                d.known_from > p.day + $horizon
                or (d.status = 'held' and p.day + $horizon < d.day + $held)
            )
        where p.table_name = $table and d.table_name in (select unnest($raw::varchar[]))
        order by p.day""",
        {
            "table": query.table,
            "raw": [read.name for read in query.reads if read.is_ingested],
            "horizon": query.horizon_days,
            "held": HELD_FOR,
        },
    )
    return [row["day"] for row in found]
