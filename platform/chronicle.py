"""What a model's ledger tells: its history, and what was live on a day, and why."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel

import ledger
from declaration import MlModel
from errors import NoEvidenceError
from lifecycle import store, training_set
from lifecycle.candidate import manifest_of
from lifecycle.champions import promoted_on
from lifecycle.trial import trial_on
from resources.lake import Lake, quoted
from resources.registry import Registry

LIVES, DECISIONS, VERDICTS, ACCEPTED = "champion", "decision", "gate", "accepted"


class Event(BaseModel):
    """One row of a model's history: a decision, a verdict, a change of champion, an acceptance."""

    as_of: date
    what: str
    outcome: str
    version: int | None
    why: list[str]


class Training(BaseModel):
    """What a version was made from; `last_day` is the last whose label it may have learned."""

    kind: str
    as_of: date
    training_set: str
    lane: str
    recipe: str
    first_day: date
    last_day: date
    left_out: list[date]
    rows: dict[str, int]
    features: int
    snapshot: int
    commit: str


class Verdict(BaseModel):
    """The gate's verdict that let a version in."""

    as_of: date
    reasons: list[str]
    checks: list[dict[str, Any]]


class Decision(BaseModel):
    """The decision that asked for the training."""

    as_of: date
    kind: str
    lane: str | None
    reasons: list[str]
    evidence: dict[str, Any]


class Served(BaseModel):
    """What was predicted on the day, by which version; loss once `matures` is over.

    mean_prediction: by column of predictions, of which several classes have one each.
    """

    rows: int
    version: int | None
    mean_prediction: dict[str, float] | None
    matures: date
    mean_loss: float | None
    shadow: int | None
    shadow_loss: float | None


class Live(BaseModel):
    """What was live on a day, and why. `previous` was in force before it, None before the first."""

    model: str
    day: date
    version: int
    live_from: date
    action: str
    by: str
    why: str
    previous: int | None
    trial_until: date | None
    training: Training | None
    verdict: Verdict | None
    decision: Decision | None
    served: Served


def history(lake: Lake, model: str) -> list[Event]:
    """Return decisions, verdicts, changes of champion and what persons accepted, oldest first."""
    rows = lake.rows(
        """select as_of, written_at, $decision as what, kind as outcome, null::integer as version,
            reasons as why from ledger.decisions where model = $model
        union all
        select as_of, written_at, $gate, case when promoted then 'promoted' else 'rejected' end,
            version, reasons from ledger.promotions where model = $model
        union all
        select as_of, written_at, $champion, action || ' by ' || "by", version,
            to_json([why])::varchar from ledger.champions where model = $model
        union all
        select day, written_at, $accepted, 'this day', null, to_json([reason, accepted])::varchar
            from ledger.incidents where model = $model and accepted is not null
        union all
        select since, written_at, $accepted, concat_ws(' of ', name, column_name) || ' onwards',
            version, to_json([why])::varchar from ledger.acceptances where model = $model
        order by as_of, written_at, what desc""",
        {
            "model": model,
            "decision": DECISIONS,
            "gate": VERDICTS,
            "champion": LIVES,
            "accepted": ACCEPTED,
        },
    )
    return [Event(**{**row, "why": json.loads(row["why"])}) for row in rows]


def live_on(lake: Lake, registry: Registry, model: MlModel, day: date) -> Live:
    """Return what was live on a day, and why; raises NoEvidenceError before the first champion."""
    reign = ledger.reign_on(lake, model.name, day)
    if reign is None:
        raise NoEvidenceError(_nothing_live(lake, model.name, day))
    version = reign["version"]
    asked = promoted_on(lake, model.name, version)
    found = trial_on(lake, model, day)
    return Live(
        model=model.name,
        day=day,
        live_from=ledger.live_from(reign),
        trial_until=found.end if found else None,
        training=_training(lake, registry, model, version),
        verdict=_verdict(lake, model.name, asked) if asked else None,
        decision=_decision(lake, model.name, asked) if asked else None,
        served=_served(lake, model, day),
        **{name: reign[name] for name in ("version", "action", "by", "why", "previous")},
    )


def manifest_for(
    lake: Lake, registry: Registry, model: MlModel, row: dict[str, Any]
) -> dict[str, Any]:
    """Return the manifest of a row of `ledger.versions`: the lake's, or MLflow's where it is gone.

    The lake keeps one manifest per day; a day that was trained again has another.
    """
    try:
        kept = store.kept(lake, model, training_set.WHAT, row["as_of"])
    except NoEvidenceError:
        kept = {}
    if kept.get("id") == row["training_set"]:
        return kept
    return manifest_of(lake, registry, model, row["version"])


def _training(lake: Lake, registry: Registry, model: MlModel, version: int) -> Training | None:
    query = "select * from ledger.versions where model = ? and version = ?"
    found = lake.rows(query, [model.name, version])
    if not found:
        return None
    row, manifest = found[0], manifest_for(lake, registry, model, found[0])
    learned = training_set.learned_days(manifest, row["recipe"], row["kind"])
    return Training(
        first_day=learned[0],
        last_day=learned[-1],
        left_out=sorted({*manifest["blocked_days"], *manifest["unfit_days"]}),
        rows=manifest["recipes"][row["recipe"]]["rows"],
        features=len(manifest["columns"]),
        commit=manifest["commit"],
        recipe=row["recipe"],
        **{name: row[name] for name in ("kind", "as_of", "training_set", "lane", "snapshot")},
    )


def _verdict(lake: Lake, model: str, day: date) -> Verdict | None:
    found = ledger.verdict_on(lake, model, day)
    return Verdict(**found) if found else None


def _decision(lake: Lake, model: str, day: date) -> Decision | None:
    found = ledger.decision_on(lake, model, day)
    if not found:
        return None
    evidence = json.loads(found["evidence"]).get("evidence", {})
    return Decision(**{**found, "reasons": json.loads(found["reasons"]), "evidence": evidence})


def _served(lake: Lake, model: MlModel, day: date) -> Served:
    matures = day + timedelta(days=model.label.horizon_days)
    empty: dict[str, Any] = dict.fromkeys(Served.model_fields)
    if not store.exists(lake, store.predictions(model)):
        return Served(**{**empty, "rows": 0, "matures": matures})
    time = quoted(model.time)
    means = ", ".join(f"avg({quoted(name)}) as {quoted(name)}" for name in model.target.columns)
    scored = lake.rows(
        f"""select count(*) as rows, max(version) as version, {means}
        from {quoted("ml", store.predictions(model))} where {time} = ?""",
        [day],
    )[0]
    measured = _measured(lake, model, day)
    found = {name: scored.pop(name) for name in model.target.columns}
    given = {"mean_prediction": found if scored["rows"] else None}
    return Served(**{**empty, **scored, **given, "matures": matures, **measured})


def _measured(lake: Lake, model: MlModel, day: date) -> dict[str, Any]:
    if not store.exists(lake, store.performance(model)):
        return {}
    found = lake.rows(
        f"""select mean_loss, shadow, shadow_loss from {quoted("ml", store.performance(model))}
        where {quoted(model.time)} = ?""",
        [day],
    )
    return found[0] if found else {}


def _nothing_live(lake: Lake, model: str, day: date) -> str:
    query = "select min(as_of) as day from ledger.champions where model = ?"
    first: Sequence[dict[str, Any]] = lake.rows(query, [model])
    if first[0]["day"] is None:
        return f"{model} has never had a champion: `leeway status` tells what it waits for"
    since = first[0]["day"] + timedelta(days=1)
    return f"{model} had no champion on {day}: its first is live from {since}; give --at from then"
