"""What goes live, and what comes back: rows are added to `ledger.champions`, none is ever changed.

Writers of one model take turns, and each looks at what is in force inside its own transaction: a
promotion and a rollback at the same time, or two rollbacks, cannot both win.
"""

import json
import logging
from datetime import date
from typing import Any, Literal

import duckdb

import ledger
from resources.lake import Lake
from turns import take_turn

logger = logging.getLogger("leeway")

Row = dict[str, Any]
PROMOTED: Literal["promoted"] = "promoted"
ROLLED_BACK: Literal["rolled back"] = "rolled back"


def in_force(connection: duckdb.DuckDBPyConnection, model: str, day: date) -> Row | None:
    """Return what was decided last, as of `day` or before, and take the model's turn.

    It is live on `day` itself only where it was decided before it.
    """
    take_turn(connection, f"champions {model}")
    query = """select * from ledger.champions where model = ? and as_of <= ?
    order by as_of desc, written_at desc limit 1"""
    rows = connection.execute(query, [model, day]).to_arrow_table().to_pylist()
    return rows[0] if rows else None


def crown(
    connection: duckdb.DuckDBPyConnection,
    now: Row | None,
    key: Row,
    action: Literal["promoted", "rolled back"],
    by: Literal["gate", "rule", "operator"],
    why: str,
) -> None:
    """Add a row, inside the caller's transaction.

    now: what is in force. key: model, as_of and version of the new row.
    """
    previous, after = (now["version"], now["written_at"]) if now else (None, None)
    row = {**key, "previous": previous, "action": action, "by": by, "why": why}
    ledger.insert(connection, "champions", row, after)


def keep_verdict(lake: Lake, key: Row, verdict: Row, rival: int | None) -> None:
    """Write the gate's verdict of a day; where it promotes, champion and alert with it.

    key: model and as_of. verdict: columns of `ledger.promotions`, reasons as a list. rival: the
    version it was judged against, None for a first model. Where another is in force by now,
    nothing is promoted: the new model has not beaten it. A verdict that has let a version in stays.
    """
    model, as_of = key["model"], key["as_of"]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        now = in_force(connection, model, date.max)
        live = now["version"] if now else None
        let_in = _let_in(connection, model, as_of)
        if let_in is not None:
            told = f"its verdict on version {let_in} stays, version {let_in} went live by it"
            logger.warning("%s %s was judged again: %s", model, as_of, told)
            return
        promoted, reasons = verdict["promoted"], verdict["reasons"]
        is_late = now is not None and now["as_of"] > as_of  # another has been in force since
        if promoted and live != verdict["version"] and (is_late or live != rival):
            promoted = False
            reasons = [*reasons, f"judged against {named(rival)}, {named(live)} is live by now"]
        row = {**verdict, "promoted": promoted, "reasons": json.dumps(reasons)}
        connection.execute(
            "delete from ledger.promotions where model = ? and as_of = ?", [model, as_of]
        )
        ledger.insert(connection, "promotions", {**key, **row})
        if promoted and live != verdict["version"]:
            why = "; ".join(reasons)
            crown(connection, now, {**key, "version": verdict["version"]}, PROMOTED, "gate", why)
            message = f"version {verdict['version']} is live: {why}"
            ledger.alert(connection, as_of, "promotion", model, message)

    lake.transact(write)


def _let_in(connection: duckdb.DuckDBPyConnection, model: str, as_of: date) -> int | None:
    """Return the version that went live by the verdict of a day, or None."""
    found = connection.execute(
        """select p.version from ledger.promotions as p
        join ledger.champions as c using (model, as_of, version)
        where model = ? and as_of = ? and p.promoted and c.action = ?""",
        [model, as_of, PROMOTED],
    ).fetchone()
    return found[0] if found else None


def rival_of(lake: Lake, model: str, day: date) -> int | None:
    """Return the version that a candidate of `day` has to beat, or None before the first.

    It is the one that is live on that day, or what that day's rollback has gone back to.
    """
    found = lake.rows(
        """select version from ledger.champions
        where model = $model and (as_of < $day or (as_of = $day and action = $back))
        order by as_of desc, written_at desc limit 1""",
        {"model": model, "day": day, "back": ROLLED_BACK},
    )
    return found[0]["version"] if found else None


def promoted_on(lake: Lake, model: str, version: int) -> date | None:
    """Return the day as of which a version was promoted, or None where it never was."""
    found = lake.rows(
        """select min(as_of) as day from ledger.champions
        where model = ? and version = ? and action = ?""",
        [model, version, PROMOTED],
    )
    return found[0]["day"]


def history_of(lake: Lake, model: str) -> list[Row]:
    """Return every row of a model, in the order in which they took effect."""
    query = "select * from ledger.champions where model = ? order by as_of, written_at"
    return lake.rows(query, [model])


def named(version: int | None) -> str:
    """Return a version in words."""
    return "no champion" if version is None else f"version {version}"
