"""Days that the watch has found broken: no model uses them until they are found sound or accepted.

An incident of the drift window ends when the window has passed it; its rows stay what they are. A
day that is built again stays broken until a watch has looked at its new rows, however old it is,
and what a person has accepted is the rows of one build.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import duckdb

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from examples import exists
from resources.lake import Lake
from turns import take_turn

Builds = Mapping[date, datetime | None]  # when the features of days were built
BUILT = "select day, written_at from ledger.partitions where table_name = ?"
ACCEPTED_NOW = "i.accepted is not null and i.built is not distinct from p.written_at"


def keep(
    connection: duckdb.DuckDBPyConnection,
    model: MlModel,
    looked: Builds,
    reasons: Mapping[date, str],
) -> None:
    """Write which of the days that were looked at are broken, inside the caller's transaction.

    What a person has accepted stays accepted; a day that was built meanwhile stays what it is.
    """
    take_turn(connection, f"incidents {model.name}")
    now = dict(connection.execute(BUILT, [model.features.table]).fetchall())
    seen = [day for day, built in looked.items() if now.get(day) == built]
    connection.execute(
        """delete from ledger.incidents as i
        where i.model = $model and i.day in (select unnest($days)) and not exists (
            select 1 from ledger.partitions as p
            where p.table_name = $table and p.day = i.day and """
        + ACCEPTED_NOW
        + ")",
        {"model": model.name, "days": seen, "table": model.features.table},
    )
    for day in seen:
        if day in reasons:
            row = {"model": model.name, "day": day, "reason": reasons[day], "built": looked[day]}
            ledger.insert(connection, "incidents", row)


def broken_days(lake: Lake, model: MlModel, snapshot: int | None = None) -> set[date]:
    """Return the days that were found broken and neither found sound since nor accepted."""
    if snapshot is not None and not exists(lake, "ledger", "incidents", snapshot):
        return set()  # a snapshot of an older version of the platform
    return _days(lake, model, f"not bool_or({ACCEPTED_NOW})", snapshot)


def accepted_days(lake: Lake, model: MlModel) -> set[date]:
    """Return the days whose features a person has accepted as they are."""
    return _days(lake, model, f"bool_or({ACCEPTED_NOW})")


def rebuilt_days(lake: Lake, model: MlModel) -> set[date]:
    """Return the days that were built again since they were found broken, or accepted."""
    return _days(lake, model, "bool_and(i.built is distinct from p.written_at)")


def accept(lake: Lake, model: MlModel, days: Sequence[date], why: str) -> None:
    """Let models use days that were found broken: the world has changed, not the data.

    Raises NoEvidenceError for a day that is not broken or not looked at, and without a reason.
    """
    require_why(why)
    found = broken_days(lake, model)
    others = [str(day) for day in days if day not in found]
    if others:
        listed = ", ".join(map(str, sorted(found))) or "none is"
        raise NoEvidenceError(
            f"{model.name}: {', '.join(others)} is not broken; broken: {listed}. What days show "
            "only together is accepted with --onwards"
        )
    unseen = [str(day) for day in sorted({*days} & rebuilt_days(lake, model))]
    if unseen:
        raise NoEvidenceError(
            f"{model.name}: {', '.join(unseen)} was built again since it was found broken: "
            f"materialize {model.name}/drift of the newest day, which looks at it, then accept it "
            "if it is broken still"
        )
    lake.transact(lambda connection: mark(connection, model, days, why))


def require_why(why: str) -> None:
    """Raise NoEvidenceError where nobody says why the rows are right."""
    if not why.strip():
        raise NoEvidenceError("--why is empty: say what was looked at, and why the rows are right")


def mark(
    connection: duckdb.DuckDBPyConnection, model: MlModel, days: Sequence[date], why: str
) -> None:
    """Accept what was found broken on days, inside the caller's transaction."""
    take_turn(connection, f"incidents {model.name}")
    connection.execute(
        """update ledger.incidents set accepted = ?
        where model = ? and day in (select unnest(?::date[])) and accepted is null""",
        [why, model.name, list(days)],
    )


def builds_of(lake: Lake, model: MlModel) -> Builds:
    """Return when the features of every day were built."""
    return {row["day"]: row["written_at"] for row in lake.rows(BUILT, [model.features.table])}


def _days(lake: Lake, model: MlModel, which: str, snapshot: int | None = None) -> set[date]:
    rows = lake.read(
        f"""select i.day from ledger.incidents as i
        left join ledger.partitions as p on p.table_name = ? and p.day = i.day
        where i.model = ? group by i.day having {which} order by 1""",
        [model.features.table, model.name],
        snapshot,
    )
    return set(rows["day"].to_pylist())
