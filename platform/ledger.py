"""The ledger: what the platform knows and decided, as rows of the lake. Nothing else is the truth.

Tables (schema `ledger`): deliveries, partitions, feature_versions, checks, decisions, versions,
promotions, champions, incidents, acceptances, alerts, locks, keys.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from claims import claim_data
from resources.lake import SCHEMAS, Lake, quoted
from resources.whole import whole
from turns import take_turn

logger = logging.getLogger("leeway")

TABLES = {
    "deliveries": """table_name varchar, day date, delivery varchar, file varchar,
        file_hash varchar, rows_read bigint, rows_accepted bigint, rows_quarantined bigint,
        profile varchar, status varchar, reason varchar, known_from date, known_to date,
        written_at timestamp, warnings varchar, why varchar, file_written timestamp,
        released_at timestamp, replays varchar""",
    "partitions": """table_name varchar, day date, rows bigint, checksum varchar,
        written_at timestamp, status varchar, failures varchar""",
    "feature_versions": """table_name varchar, checksum varchar, query varchar, declared varchar,
        written_at timestamp""",
    "incidents": """model varchar, day date, reason varchar, built timestamp, accepted varchar,
        written_at timestamp""",
    "acceptances": """model varchar, since date, version integer, name varchar,
        column_name varchar, why varchar, written_at timestamp""",
    "checks": """model varchar, as_of date, name varchar, passed boolean, severity varchar,
        statistic double, threshold double, reason varchar, since date, version integer,
        written_at timestamp""",
    "decisions": """model varchar, as_of date, kind varchar, lane varchar, reasons varchar,
        evidence varchar, written_at timestamp""",
    "versions": """model varchar, as_of date, version integer, kind varchar, lane varchar,
        mlflow_run varchar, training_set varchar, written_at timestamp, snapshot bigint,
        recipe varchar, features varchar""",
    "promotions": """model varchar, as_of date, version integer, candidate integer,
        promoted boolean, lane varchar, reasons varchar, evidence varchar,
        written_at timestamp""",
    "champions": """model varchar, as_of date, version integer, previous integer, action varchar,
        "by" varchar, why varchar, written_at timestamp""",
    "alerts": """day date, kind varchar, subject varchar, message varchar,
        written_at timestamp, sent_at timestamp, attempts integer""",
    "locks": "name varchar, turn bigint",
    "keys": "fingerprint varchar, written_at timestamp",
}

TOLD_AGAIN = ("held", "rollback")  # kinds that may come twice a day, with other words


def prepare(lake: Lake) -> None:
    """Create schemas and ledger tables where they are missing, and columns they have gained.

    Raises SetupError where the folder of the lake's data is another catalog's.
    """
    claim_data(lake)

    def create(connection: duckdb.DuckDBPyConnection) -> None:
        for schema in SCHEMAS:
            connection.execute(f"create schema if not exists {quoted(schema)}")
        for name, columns in TABLES.items():
            table = quoted("ledger", name)
            connection.execute(f"create table if not exists {table} ({columns})")
            for column in columns.split(","):
                connection.execute(f"alter table {table} add column if not exists {column}")

    lake.transact(create)


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    row: dict[str, Any],
    after: datetime | None = None,
) -> None:
    """Insert one row into a ledger table, inside the caller's transaction.

    after: UTC; `written_at` is later than this even where the clock has been set back.
    """
    columns = ", ".join(quoted(name) for name in row)
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"insert into {quoted('ledger', table)} ({columns}, written_at) "
        f"values ({marks}, greatest(timezone('UTC', current_timestamp), "
        "?::timestamp + interval 1 microsecond))",
        [*row.values(), after],
    )


def put(
    lake: Lake,
    table: str,
    key: dict[str, Any],
    row: dict[str, Any],
    alerting: tuple[date, str, str, str] | None = None,
) -> None:
    """Write the one row that `key` names, replacing an earlier one, in one transaction.

    key: first whose row it is; writers of one model take turns.
    alerting: day, kind, subject and message of an alert that belongs to the row.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        take_turn(connection, f"{table} {next(iter(key.values()))}")
        where = " and ".join(f"{quoted(name)} = ?" for name in key)
        with whole(connection):
            connection.execute(
                f"delete from {quoted('ledger', table)} where {where}", list(key.values())
            )
        insert(connection, table, {**key, **row})
        if alerting:
            alert(connection, *alerting)

    lake.transact(write)


def champion_on(lake: Lake, model: str, day: date) -> int | None:
    """Return the version that is live on `day`, or None before the first."""
    reign = reign_on(lake, model, day)
    return reign["version"] if reign else None


def reign_on(lake: Lake, model: str, day: date) -> dict[str, Any] | None:
    """Return the row of `ledger.champions` that says what is live on `day`, or None.

    What is decided as of day D uses what is known at the end of D, so it is live from D + 1.
    """
    return reigns_on(lake, model, [day]).get(day)


def reigns_on(lake: Lake, model: str, days: Iterable[date]) -> dict[date, dict[str, Any]]:
    """Return the row of `reign_on` of each of the `days` that has one, by one question for all."""
    rows = lake.rows(
        "select * from ledger.champions where model = ? order by as_of, written_at", [model]
    )
    older = {day: [row for row in rows if row["as_of"] < day] for day in days}
    return {day: found[-1] for day, found in older.items() if found}


def live_from(reign: dict[str, Any]) -> date:
    """Return the first day on which a row of `ledger.champions` is live."""
    return reign["as_of"] + timedelta(days=1)


def frontier(lake: Lake, model: str) -> dict[str, Any] | None:
    """Return the newest decision of a model, or None before the first."""
    found = lake.rows(
        "select * from ledger.decisions where model = ? order by as_of desc limit 1", [model]
    )
    return found[0] if found else None


def frontier_day(lake: Lake, table: str) -> date | None:
    """Return the newest day that any delivery of a raw table is about, or None."""
    found = lake.rows("select max(day) as day from ledger.deliveries where table_name = ?", [table])
    return found[0]["day"]


def alert(
    connection: duckdb.DuckDBPyConnection, day: date, kind: str, subject: str, message: str
) -> None:
    """Keep an alert, at most one per day, kind and subject, and log it.

    It is written in the caller's transaction, so that nothing happens without its alert. A day that
    is held again for another reason, or a model that is rolled back again, is told again.
    """
    key = {"day": day, "kind": kind, "subject": subject}
    mine = "day = ? and kind = ? and subject = ?"
    values = list(key.values())
    query = f"select message from ledger.alerts where {mine}"
    found = connection.execute(query, values).fetchone()
    if found and (kind not in TOLD_AGAIN or found[0] == message):
        return
    connection.execute(f"delete from ledger.alerts where {mine}", values)
    insert(connection, "alerts", {**key, "message": message})
    logger.warning("%s %s: %s", day, kind, message)


def days_taken(lake: Lake, table: str) -> list[date]:
    """Return the days that have a delivery of a raw table, held ones included."""
    query = "select distinct day from ledger.deliveries where table_name = ?"
    return [row["day"] for row in lake.rows(query, [table])]


def rows_delivered(lake: Lake) -> dict[date, int]:
    """Return the rows of all raw tables by day, of deliveries that are visible."""
    query = "select day, sum(rows_accepted)::bigint as rows from ledger.deliveries"
    found = lake.rows(f"{query} where status = 'published' group by day")
    return {row["day"]: row["rows"] for row in found}


def days_built(lake: Lake, checksums: Mapping[str, str]) -> list[date]:
    """Return the days that every table has been built for by its model as it is now, and passed.

    checksums: table → checksum of the dbt models that make it; older ones do not count.
    """
    found = lake.rows(
        """select day from ledger.partitions
        where (table_name, checksum) in (select (unnest(?), unnest(?))) and status = 'passed'
        group by day having count(distinct table_name) = ?""",
        [list(checksums), list(checksums.values()), len(checksums)],
    )
    return [row["day"] for row in found]


def stale_days(lake: Lake, checksums: Mapping[str, str], start: date) -> dict[str, list[date]]:
    """Return the days from `start` on, by table, that other dbt models made or nobody has tested.

    checksums: table → checksum of the dbt models that make it now.
    """
    found = lake.rows(
        """select p.table_name, list(p.day order by p.day) as days
        from ledger.partitions as p
        join (select unnest($tables) as table_name, unnest($checksums) as checksum) as now
            using (table_name)
        where p.day >= $start
            and (p.checksum <> now.checksum or coalesce(p.status, 'built') = 'built')
        group by p.table_name""",
        {"tables": list(checksums), "checksums": list(checksums.values()), "start": start},
    )
    return {row["table_name"]: row["days"] for row in found}


def alarms(lake: Lake, model: str) -> list[dict[str, Any]]:
    """Return the checks that failed with ERROR on the newest decision day."""
    return lake.rows(
        """select as_of, name, reason from ledger.checks
        where model = $model and not passed and severity = 'ERROR'
        and as_of = (select max(as_of) from ledger.decisions where model = $model)
        order by name""",
        {"model": model},
    )


def decision_on(lake: Lake, model: str, day: date) -> dict[str, Any] | None:
    """Return the decision of a day, or None."""
    query = "select * from ledger.decisions where model = ? and as_of = ?"
    found = lake.rows(query, [model, day])
    return found[0] if found else None


def verdict_on(lake: Lake, model: str, day: date) -> dict[str, Any] | None:
    """Return the gate's verdict of a day with its reasons and checks, or None."""
    query = "select * from ledger.promotions where model = ? and as_of = ?"
    found = lake.rows(query, [model, day])
    if not found:
        return None
    row = found[0]
    checks = json.loads(row["evidence"])["checks"]
    return {**row, "reasons": json.loads(row["reasons"]), "checks": checks}
