"""Days that the watch has found broken: no model uses them until they are built again or accepted.

An incident of the drift window ends when the window has passed it; its rows stay what they are. A
day that is built again within the days that are watched is looked at again.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from resources.lake import Lake
from turns import take_turn


def keep(
    connection: duckdb.DuckDBPyConnection,
    model: MlModel,
    days: Sequence[date],
    reasons: Mapping[date, str],
) -> None:
    """Write which of the watched `days` are broken, inside the caller's transaction.

    What a person has accepted stays accepted until the day is built again.
    """
    take_turn(connection, f"incidents {model.name}")
    connection.execute(
        """delete from ledger.incidents
        where model = ? and day in (select unnest(?::date[])) and accepted is null""",
        [model.name, list(days)],
    )
    built = dict(
        connection.execute(
            "select day, written_at from ledger.partitions where table_name = ?",
            [model.features.table],
        ).fetchall()
    )
    for day, reason in reasons.items():
        row = {"model": model.name, "day": day, "reason": reason, "built": built.get(day)}
        ledger.insert(connection, "incidents", row)


def broken_days(lake: Lake, model: MlModel, snapshot: int | None = None) -> set[date]:
    """Return the days whose features are still those that were found broken."""
    known = """select 1 from information_schema.tables
    where table_catalog = 'lake' and table_schema = 'ledger' and table_name = 'incidents'"""
    if snapshot is not None and not lake.read(known, snapshot=snapshot).num_rows:
        return set()  # a snapshot of an older version of the platform
    return _days(lake, model, "bool_and(i.accepted is null)", snapshot)


def accepted_days(lake: Lake, model: MlModel) -> set[date]:
    """Return the days whose features a person has accepted as they are."""
    return _days(lake, model, "bool_or(i.accepted is not null)")


def accept(lake: Lake, model: MlModel, days: Sequence[date], why: str) -> None:
    """Let models use days that were found broken: the world has changed, not the data.

    Raises NoEvidenceError for a day that is not broken, and without a reason.
    """
    if not why.strip():
        raise NoEvidenceError("--why is empty: say what was looked at, and why the rows are right")
    found = broken_days(lake, model)
    others = [str(day) for day in days if day not in found]
    if others:
        listed = ", ".join(map(str, sorted(found))) or "none is"
        raise NoEvidenceError(f"{model.name}: {', '.join(others)} is not broken; broken: {listed}")
    lake.transact(
        lambda connection: connection.execute(
            """update ledger.incidents set accepted = ?
            where model = ? and day in (select unnest(?::date[])) and accepted is null""",
            [why, model.name, list(days)],
        )
    )


def _days(lake: Lake, model: MlModel, which: str, snapshot: int | None = None) -> set[date]:
    rows = lake.read(
        f"""select i.day from ledger.incidents as i
        join ledger.partitions as p on p.table_name = ? and p.day = i.day
        where i.model = ? and i.built is not distinct from p.written_at
        group by i.day having {which} order by 1""",
        [model.features.table, model.name],
        snapshot,
    )
    return set(rows["day"].to_pylist())
