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

from chronicle import manifest_for
from declaration import Declaration, MlModel, choose
from errors import SetupError
from lifecycle import store, training_set
from lifecycle.calibration import reference_span
from lifecycle.champions import ROLLED_BACK, Row, history_of
from lifecycle.taint_decisions import Used, decisions_of
from resources.lake import Lake, quoted
from resources.registry import Registry

Days = set[date]


class Reach(BaseModel):
    """The built days of a table that are tainted, and how that is known."""

    table: str
    days: list[date]
    known_by: str


class TaintedVersion(BaseModel):
    """A version, and the tainted days that it learned from and was judged on.

    calibrated: those of the reference of its alarms, where it was ever live.
    """

    version: int
    kind: str
    as_of: date
    training_set: str
    learned: list[date]
    judged: list[date]
    calibrated: list[date]


class TaintedModel(BaseModel):
    """What of one model is tainted; `clean` are the versions that it can go back to, best first.

    rolled_back: those of them that were gone back from, and not to since; they come last.
    """

    model: str
    live: int | None
    clean: list[int]
    rolled_back: list[int]
    versions: list[TaintedVersion]
    predictions: list[date]
    shadow_predictions: list[date]
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
    used = Used(features, tainted.get(model.label.table, set()))
    history = history_of(lake, model.name)
    lived = list(dict.fromkeys(row["version"] for row in reversed(history)))
    query = "select * from ledger.versions where model = ? order by version"
    versions = [
        of_version(lake, registry, model, row, used.either, row["version"] in lived)
        for row in lake.rows(query, [model.name])
    ]
    learned = {each.version for each in versions if each.learned}
    lost, live = given_up(history), next(iter(lived), None)
    clean = [version for version in lived if version not in learned and version != live]
    clean.sort(key=lambda version: version in lost)  # of equals the newest stays first
    return TaintedModel(
        model=model.name,
        live=live,
        clean=clean,
        rolled_back=[version for version in clean if version in lost],
        versions=[each for each in versions if each.learned or each.judged or each.calibrated],
        predictions=_predicted(lake, model, store.predictions(model), features, learned),
        shadow_predictions=_predicted(lake, model, store.shadow(model), features, learned),
        decisions=decisions_of(lake, model, history, used, versions),
    )


def given_up(history: Sequence[Row]) -> set[int]:
    """Return the versions that were gone back from, and not to since; history: oldest first."""
    lost: set[int] = set()
    for row in history:
        if row["action"] == ROLLED_BACK:
            lost.add(row["previous"])
        lost.discard(row["version"])
    return lost


def of_version(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    row: dict[str, Any],
    days: Days,
    was_live: bool,
) -> TaintedVersion:
    """Return the tainted days of a version's training set, and of the reference of its alarms.

    Days that the training set left out are in neither of its parts; the reference left out more
    days than it names, so it may have fewer.
    """
    manifest = manifest_for(lake, registry, model, row)
    left_out = {*manifest["blocked_days"], *manifest["unfit_days"]}
    kept = {day for day in days if day.isoformat() not in left_out}
    learned = training_set.learned_days(manifest, row["recipe"], row["kind"])
    reference = reference_span(max(learned)) if was_live and learned else []
    return TaintedVersion(
        learned=sorted(kept & set(learned)),
        judged=sorted(kept & {date.fromisoformat(day) for day in manifest["test_days"]}),
        calibrated=sorted(kept & set(reference)),
        **{name: row[name] for name in ("version", "kind", "as_of", "training_set")},
    )


def _predicted(
    lake: Lake, model: MlModel, table: str, features: Days, versions: set[int]
) -> list[date]:
    """Return the days that were predicted from tainted features or by tainted versions."""
    if not store.exists(lake, table):
        return []
    time = quoted(model.time)
    rows = lake.rows(
        f"""select distinct {time} as day from {quoted("ml", table)}
        where {time} in (select unnest(?::date[])) or version in (select unnest(?::integer[]))
        order by 1""",
        [list(features), list(versions)],
    )
    return [row["day"] for row in rows]


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
