"""Go back to an older champion: by the trial's rule, or because a person says so.

Either is one row of `ledger.champions` with its alert, in one transaction; MLflow's alias follows.
The version that went keeps its row: its recipe rests for a while, and its days stay its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import duckdb

import ledger
from commit_points import reached
from declaration import MlModel
from errors import RegistryError, RollbackError
from lifecycle import store, trial
from lifecycle.alias import reconcile
from lifecycle.champions import ROLLED_BACK, Row, crown, history_of, in_force, named
from lifecycle.loaded import fitted_of
from ml.trial import Ruling, rule
from resources.lake import Lake
from resources.registry import Registry

By = Literal["rule", "operator"]
RULE: By = "rule"
OPERATOR: By = "operator"


@dataclass(frozen=True)
class RolledBack:
    """What a person has done: `version` is live instead of `previous` from a day on."""

    version: int
    previous: int
    live_from: date
    frontier: date


def by_rule(lake: Lake, registry: Registry, model: MlModel, as_of: date) -> Ruling | None:
    """Judge the trial that is going on at the end of `as_of`, and go back where it is lost.

    Returns None where nothing is on trial. A day that is older than the newest decision judges
    nothing; done again, a day that has gone back stays as it is, and the alias follows.
    """
    newest = ledger.frontier(lake, model.name)
    if newest and newest["as_of"] > as_of:
        return None
    reign = ledger.reign_on(lake, model.name, as_of + timedelta(days=1))
    if reign and reign["as_of"] == as_of:
        reconcile(lake, registry, model.name)
    found = trial.trial_of(model, reign)
    if found is None or not store.exists(lake, store.scoring(model)):
        return None
    if _was_closed(lake, model.name, as_of, found.end):
        return None
    differences = trial.differences(lake, model, found, as_of)
    ruling = rule(
        found, as_of, differences, trial.faults(lake, model, found, as_of), seed=model.train.seed
    )
    if ruling.go_back:
        key = {"model": model.name, "as_of": as_of, "version": found.shadow}
        _by_rule(lake, key, found.version, ruling.why)
        reached("rollback-kept")
        reconcile(lake, registry, model.name)
    return ruling


def by_operator(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    why: str,
    to: int | None = None,
    as_of: date | None = None,
) -> RolledBack:
    """Go back to `to`, or to the champion before the live one, as of a day; live the day after.

    as_of: the newest decision day by default. Raises RollbackError where this is not possible.
    """
    if not why.strip():
        raise RollbackError("--why is empty: say what was seen, for whoever reads it later")
    name = model.name
    newest, rows = ledger.frontier(lake, name), history_of(lake, name)
    if newest is None or not rows:
        raise RollbackError(f"{name} has no champion yet: there is nothing to go back from")
    day = as_of or newest["as_of"]
    target = _before(name, rows) if to is None else to
    _require_possible(lake, name, rows, target)
    _require_day(name, rows[-1], day, newest["as_of"])
    _require_loadable(registry, model, target)
    now = rows[-1]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        found = in_force(connection, name, date.max)
        if found != now:
            other = named(found["version"] if found else None)
            raise RollbackError(
                f"{name}: {other} went live meanwhile: look at `leeway ledger {name}`, then decide "
                "again"
            )
        _go_back(connection, now, {"model": name, "as_of": day, "version": target}, OPERATOR, why)

    lake.transact(write)
    reached("rollback-kept")
    reconcile(lake, registry, model.name)
    return RolledBack(target, now["version"], day + timedelta(days=1), newest["as_of"])


def _by_rule(lake: Lake, key: Row, lost: int, why: str) -> None:
    """Write a rollback from the version `lost`, unless another is in force already."""

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        now = in_force(connection, key["model"], date.max)
        if now and now["version"] == lost:
            _go_back(connection, now, key, RULE, why)

    lake.transact(write)


def _go_back(connection: duckdb.DuckDBPyConnection, now: Row, key: Row, by: By, why: str) -> None:
    crown(connection, now, key, ROLLED_BACK, by, why)
    message = f"version {key['version']} is live again instead of version {now['version']}: {why}"
    ledger.alert(connection, key["as_of"], "rollback", key["model"], message)


def _before(model: str, rows: Sequence[Row]) -> int:
    """Return the champion before the live one; after a rollback a person has to name it."""
    now = rows[-1]
    if now["action"] == ROLLED_BACK:
        raise RollbackError(
            f"{model}: version {now['version']} is live since a rollback as of {now['as_of']} "
            f"({now['why']}): name the version to go to with --to, {_listed(rows)}"
        )
    if now["previous"] is None:
        raise RollbackError(
            f"{model}: version {now['version']} is its first champion, there is none before it: "
            "train and promote another"
        )
    return int(now["previous"])


def _require_possible(lake: Lake, model: str, rows: Sequence[Row], target: int) -> None:
    """Raise RollbackError for a version that is live, unknown, or was never promoted."""
    if target == rows[-1]["version"]:
        since = ledger.live_from(rows[-1])
        raise RollbackError(f"{model}: version {target} is live since {since}; {_listed(rows)}")
    query = "select 1 from ledger.versions where model = ? and version = ?"
    if not lake.rows(query, [model, target]):
        raise RollbackError(f"{model} has no version {target}: {_listed(rows)}")
    if target not in {row["version"] for row in rows}:
        raise RollbackError(
            f"{model}: version {target} was never promoted, so no gate has let it in: "
            f"{_listed(rows)}"
        )


def _require_day(model: str, now: Row, day: date, newest: date) -> None:
    """Raise RollbackError for a day that is decided otherwise already, or not at all yet."""
    if not now["as_of"] <= day <= newest:
        raise RollbackError(
            f"--as-of is {day}: {model} is decided until {newest}, and version {now['version']} "
            f"is in force as of {now['as_of']}: give a day between them, both included"
        )


def _require_loadable(registry: Registry, model: MlModel, version: int) -> None:
    """Raise RollbackError where what would go live cannot even be loaded."""
    try:
        fitted_of(registry, model, version)
    except RegistryError:
        raise
    except Exception as error:  # MLflow, a file, torch: whatever it is, the live one stays
        raise RollbackError(
            f"{model.name} version {version} cannot be loaded, so the live one stays: "
            f"{type(error).__name__}: {error}"
        ) from error


def _listed(rows: Sequence[Row]) -> str:
    """Return the versions that were live but for the live one, newest first."""
    versions = dict.fromkeys(row["version"] for row in reversed(rows))
    others = [str(version) for version in versions if version != rows[-1]["version"]]
    return f"live before: {', '.join(others)}" if others else "no other was ever live"


def _was_closed(lake: Lake, model: str, as_of: date, end: date) -> bool:
    """Return whether a decision before `as_of` has judged the whole trial already."""
    query = "select 1 from ledger.decisions where model = ? and as_of < ? and as_of >= ? limit 1"
    return bool(lake.rows(query, [model, as_of, end]))
