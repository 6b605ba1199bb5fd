"""Which versions of a model score the next day, and what they have learned from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import ledger
from declaration import MlModel, StoredColumn
from errors import NeededColumnError
from lifecycle import store
from lifecycle.feature_versions import kept
from lifecycle.trial import trial_of
from resources.lake import Lake, quoted, stored_type


@dataclass(frozen=True)
class LiveVersion:
    """A version that scores every day; role: `champion`, or `shadow` of one that is on trial.

    features: checksum of the SQL that it has learned from.
    """

    version: int
    role: str
    as_of: date
    features: str
    training_set: str


def live_versions(lake: Lake, model: MlModel) -> list[LiveVersion]:
    """Return what is in force, and the version beside it until a decision day ends the trial."""
    reign = ledger.reign_on(lake, model.name, date.max)
    if reign is None:
        return []
    roles = {reign["version"]: "champion"}
    trial, newest = trial_of(model, reign), ledger.frontier(lake, model.name)
    if trial and not (newest and newest["as_of"] >= trial.end):
        roles[trial.shadow] = "shadow"
    rows = lake.rows(
        """select version, as_of, coalesce(features, '') as features,
            coalesce(training_set, '') as training_set
        from ledger.versions where model = ? and version in (select unnest(?)) order by version""",
        [model.name, list(roles)],
    )
    return [LiveVersion(role=roles[row["version"]], **row) for row in rows]


def require_columns(lake: Lake, models: Iterable[MlModel]) -> None:
    """Raise NeededColumnError where the tables to be built lack what a live version needs.

    It asks the declared columns: the contract makes dbt build these and no others. A table that is
    made like this already changes no more: a version that needs more than it has, live again after
    a rollback, scores by its own SQL.
    """
    lost = [told for m in models if not _is_made_so(lake, m) for told in _lost(lake, m)]
    if lost:
        raise NeededColumnError(
            f"{'; '.join(lost)}. Nothing was built. Restore the column in dbt; to be rid of it "
            "name it under features.exclude of the exposure, and remove it when a version without "
            "it is live and its trial has ended (`leeway status`). Another type needs another name"
        )


def _is_made_so(lake: Lake, model: MlModel) -> bool:
    """Whether the newest build of the table was by this SQL, with these columns."""
    table, now = model.features.table, model.features_checksum
    built = lake.rows(
        """select checksum from ledger.partitions where table_name = ?
        order by written_at desc limit 1""",
        [table],
    )
    version = kept(lake, table, now) if built and built[0]["checksum"] == now else None
    return version is not None and _types(version.declared) == _types(model.feature_columns)


def _types(columns: Iterable[StoredColumn]) -> dict[str, str]:
    return {column.name: stored_type(column.data_type) for column in columns}


def _lost(lake: Lake, model: MlModel) -> list[str]:
    now, lost = _types(model.feature_columns), []
    for live in live_versions(lake, model):
        who = f"{model.name} version {live.version} ({live.role})"
        for name, kind in learned_columns(lake, model, live).items():
            if now.get(name) != kind:
                is_now = f"{kind}, which is {now.get(name, 'gone')} now"
                lost.append(f"{who} has learned from {model.features.table}.{name} as {is_now}")
    return lost


def learned_columns(lake: Lake, model: MlModel, live: LiveVersion) -> dict[str, str]:
    """Return column → DuckDB type of a version's features; empty where the lake does not know."""
    name = f"{model.name}_{store.TRAINING_SETS}"
    if not store.exists(lake, name):
        return {}
    query = f"select document from {quoted('ml', name)} where as_of = ?"
    documents = [json.loads(row["document"]) for row in lake.rows(query, [live.as_of])]
    found = [d.get("columns", {}) for d in documents if d["id"] == live.training_set]
    return found[0] if found else {}
