"""What has used days that are now known to be wrong: features, training sets, versions, decisions.

Nothing is written. Where it is not known whether something used a day, it counts as tainted: the
answer may name too much, never too little. Raw rows reach features by known deliveries and by the
lookback that a dbt model declares (`config.meta.lookback_days`); without one, every later day.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel

import ledger
from chronicle import manifest_for
from declaration import Declaration, MlModel, choose
from errors import SetupError
from lifecycle import store, training_set
from lifecycle.champions import history_of
from lifecycle.tested import window
from resources.lake import Lake, quoted
from resources.registry import Registry

Days = set[date]


class Reach(BaseModel):
    """The built days of a table that are tainted, and how that is known."""

    table: str
    days: list[date]
    known_by: str


class TaintedVersion(BaseModel):
    """A version, and the tainted days that it learned from and was judged on."""

    version: int
    kind: str
    as_of: date
    training_set: str
    learned: list[date]
    judged: list[date]


class TaintedModel(BaseModel):
    """What of one model is tainted; `clean` are the versions that it can go back to."""

    model: str
    live: int | None
    clean: list[int]
    versions: list[TaintedVersion]
    predictions: list[date]
    decisions: dict[date, list[str]]

    @property
    def live_is_tainted(self) -> bool:
        """Whether what is live has learned from a tainted day."""
        return self.live in {each.version for each in self.versions if each.learned}


class Taint(BaseModel):
    """All that used the days of a table."""

    table: str
    days: list[date]
    is_raw: bool
    tables: list[Reach]
    models: list[TaintedModel]


def taint(
    lake: Lake,
    registry: Registry,
    declaration: Declaration,
    manifest: Mapping[str, Any],
    table: str,
    days: Sequence[date],
) -> Taint:
    """Follow days of a raw, features or labels table; manifest: dbt's.

    Raises SetupError for a table that is none of these.
    """
    raw = {each.name: each for each in declaration.tables}
    by_day = {name for m in declaration.models for name in (m.features.table, m.label.table)}
    if table not in {*raw, *by_day}:
        raise SetupError(f"there is no table {table!r}: {choose(table, sorted({*raw, *by_day}))}")
    if table in raw:
        nodes = [node for node in models_of(manifest, by_day) if reads(manifest, node, raw[table])]
        reaches = [raw_reach(lake, node, table, days) for node in nodes]
    else:
        built = built_days(lake, table) & set(days)
        reaches = [Reach(table=table, days=sorted(built), known_by="the days that were given")]
    tainted = {reach.table: set(reach.days) for reach in reaches}
    models = [
        of_model(lake, registry, model, tainted)
        for model in declaration.models
        if {model.features.table, model.label.table} & tainted.keys()
    ]
    return Taint(table=table, days=sorted(days), is_raw=table in raw, tables=reaches, models=models)


def models_of(manifest: Mapping[str, Any], names: set[str]) -> list[Mapping[str, Any]]:
    """Return the dbt models of tables, by name."""
    nodes = (n for n in manifest["nodes"].values() if n["resource_type"] == "model")
    return sorted((n for n in nodes if n["name"] in names), key=lambda node: str(node["name"]))


def reads(manifest: Mapping[str, Any], node: Mapping[str, Any], raw: Any) -> bool:
    """Return whether a dbt model is made from a raw table, by way of whatever models."""
    lineage = list(node["depends_on"]["nodes"])
    for name in lineage:  # grows while it is walked
        parent = manifest["nodes"].get(name)
        lineage += [p for p in parent["depends_on"]["nodes"] if p not in lineage] if parent else []
    return raw.unique_id in lineage


def raw_reach(lake: Lake, node: Mapping[str, Any], raw: str, days: Sequence[date]) -> Reach:
    """Return the built days of a dbt model's table that may have read raw rows of `days`.

    Its day A reads rows that happened in the lookback up to A plus its horizon and that were known
    then. A delivery that was only held has been seen by nobody.
    """
    meta = node["config"].get("meta") or {}
    horizon = timedelta(days=int(meta.get("horizon_days") or 0))
    lookback = meta.get("lookback_days")
    deliveries = lake.rows(
        """select day, known_from, known_to from ledger.deliveries
        where table_name = ? and day in (select unnest(?)) and status <> 'held'""",
        [raw, list(days)],
    )
    built, found = built_days(lake, node["name"]), set()
    for row in deliveries:
        first = max(row["day"], row["known_from"] or row["day"]) - horizon
        last = row["day"] + timedelta(days=int(lookback) - 1) if lookback else date.max
        if row["known_to"]:
            last = min(last, row["known_to"] - horizon - timedelta(days=1))
        found |= {day for day in built if first <= day <= last}
    known_by = f"the declared lookback of {lookback} days" if lookback else EVERY_LATER
    return Reach(table=node["name"], days=sorted(found), known_by=known_by)


EVERY_LATER = "no lookback_days is declared, so every later day counts"


def built_days(lake: Lake, table: str) -> Days:
    """Return the days of which a table has been built."""
    query = "select day from ledger.partitions where table_name = ?"
    return {row["day"] for row in lake.rows(query, [table])}


def of_model(
    lake: Lake, registry: Registry, model: MlModel, tainted: Mapping[str, Days]
) -> TaintedModel:
    """Return what of a model has used tainted days of its features and labels."""
    features = tainted.get(model.features.table, set())
    either = features | tainted.get(model.label.table, set())
    query = "select * from ledger.versions where model = ? order by version"
    versions = [
        of_version(lake, registry, model, row, either) for row in lake.rows(query, [model.name])
    ]
    learned = {each.version for each in versions if each.learned}
    lived = dict.fromkeys(row["version"] for row in reversed(history_of(lake, model.name)))
    live = next(iter(lived), None)
    return TaintedModel(
        model=model.name,
        live=live,
        clean=[version for version in lived if version not in learned and version != live],
        versions=[each for each in versions if each.learned or each.judged],
        predictions=_predictions(lake, model, features, learned),
        decisions=_decisions(lake, model, features, either, learned),
    )


def of_version(
    lake: Lake, registry: Registry, model: MlModel, row: dict[str, Any], days: Days
) -> TaintedVersion:
    """Return the tainted days of a version's training set."""
    manifest = manifest_for(lake, registry, model, row)
    left_out = {*manifest["blocked_days"], *manifest["unfit_days"]}
    kept = {day for day in days if day.isoformat() not in left_out}
    learned = set(training_set.learned_days(manifest, row["recipe"], row["kind"]))
    return TaintedVersion(
        learned=sorted(kept & learned),
        judged=sorted(kept & {date.fromisoformat(day) for day in manifest["test_days"]}),
        **{name: row[name] for name in ("version", "kind", "as_of", "training_set")},
    )


def _predictions(lake: Lake, model: MlModel, features: Days, versions: set[int]) -> list[date]:
    """Return the days that were predicted from tainted features or by tainted versions."""
    if not store.exists(lake, store.predictions(model)):
        return []
    time = quoted(model.time)
    rows = lake.rows(
        f"""select distinct {time} as day from {quoted("ml", store.predictions(model))}
        where {time} in (select unnest(?::date[])) or version in (select unnest(?::integer[]))
        order by 1""",
        [list(features), list(versions)],
    )
    return [row["day"] for row in rows]


def _decisions(
    lake: Lake, model: MlModel, features: Days, either: Days, versions: set[int]
) -> dict[date, list[str]]:
    """Return the decision days whose evidence used tainted days, and by which way."""
    query = "select as_of from ledger.decisions where model = ? order by as_of"
    found = {}
    for day in (row["as_of"] for row in lake.rows(query, [model.name])):
        reign = ledger.reign_on(lake, model.name, day)
        matured = day - timedelta(days=model.label.horizon_days)
        since = ledger.live_from(reign) if reign else date.min
        ways = {
            "features of its window": bool(features & set(window(model, day))),
            "losses": bool(reign) and any(since <= used <= matured for used in either),
            "its champion": bool(reign) and reign["version"] in versions if reign else False,
            "matured rows": reign is None and any(used <= matured for used in either),
        }
        if any(ways.values()):
            found[day] = [way for way, used in ways.items() if used]
    return found


def spans(days: Sequence[date]) -> str:
    """Return ascending days in words, neighbours joined: `2024-05-01..2024-05-03, 2024-05-09`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}..{r[-1]}" for r in runs) or "none"


def as_json(found: Taint, steps: Sequence[Any]) -> str:
    """Return a taint and its plan as JSON."""
    plan = [step.model_dump(mode="json") for step in steps]
    return json.dumps({**found.model_dump(mode="json"), "plan": plan})
