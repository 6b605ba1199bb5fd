"""Collect a day's evidence, decide by `ml.policy`, keep the decision in the ledger."""

import json
from dataclasses import replace
from datetime import date, timedelta

from pydantic import TypeAdapter

import ledger
from assets.partitions import days_between
from declaration import MlModel
from lifecycle import store
from lifecycle.checked import checks_of
from lifecycle.offered import learnable, resting
from lifecycle.quality import blocked_days, held_findings
from lifecycle.rival import learned_by
from lifecycle.splits import champion_decided_on, new_world
from lifecycle.tested import (
    MADE_BY,
    checksums_of,
    failed_findings,
    made_by,
    unfit_days,
    without,
)
from ml import policy, raised
from ml.cadence import Cadence, Training
from ml.incident import Finding
from resources.lake import Lake

Failed = tuple[policy.FailedCheck, ...]
Findings = tuple[Finding, ...]
RECALLED = 32  # trainings: more than a budget holds, or a cadence needs to reach its longest


def decide(lake: Lake, model: MlModel, as_of: date, in_flight: bool) -> policy.Decision:
    """Decide what a day's evidence asks for and write the ledger's row.

    A day that is older than the newest decision keeps the row it has, or has none: evidence that is
    backfilled decides nothing. Raises NoEvidenceError where a champion is live but was not watched
    that day.
    """
    newest = ledger.frontier(lake, model.name)
    if newest and newest["as_of"] >= as_of:
        return _of_old_day(lake, model, as_of, newest["as_of"])
    decision = policy.decide(
        evidence(lake, model, as_of), history(lake, model, as_of, in_flight), policy_of(model)
    )
    row = {
        "kind": decision.kind,
        "lane": decision.lane,
        "reasons": json.dumps(decision.reasons),
        "evidence": policy.to_json(decision),
    }
    told = (as_of, "incident", model.name, "; ".join(decision.reasons))
    alerting = told if decision.kind == "incident" else None
    ledger.put(lake, "decisions", {"model": model.name, "as_of": as_of}, row, alerting)
    return decision


def _of_old_day(lake: Lake, model: MlModel, as_of: date, newest: date) -> policy.Decision:
    """Return what was decided on a day, or that nothing was and its evidence; writes nothing."""
    found = ledger.decision_on(lake, model.name, as_of)
    if found:
        return policy.from_json(found["evidence"])
    why = f"not decided: {newest} is, and what is backfilled before it decides nothing"
    return policy.Decision(as_of, "none", "normal", (why,), (), evidence(lake, model, as_of))


def policy_of(model: MlModel) -> policy.RetrainPolicy:
    """Return what a model declares."""
    retrain = model.retrain
    return policy.RetrainPolicy(
        min_rows=model.train.min_rows,
        cooldown_days=retrain.cooldown_days,
        min_unseen_days=model.gate.test_days // 2,
        cadence=Cadence(retrain.challenge_days, retrain.challenge_days_max),
        budget=retrain.budget,
    )


def evidence(lake: Lake, model: MlModel, as_of: date) -> policy.Evidence:
    """Return what is known at the end of a day."""
    has_champion = ledger.champion_on(lake, model.name, as_of) is not None
    failed, incidents = (
        watched(lake, model, as_of) if has_champion else unwatched(lake, model, as_of)
    )
    blocked, rests = blocked_days(lake, model), resting(lake, model, as_of)
    since = new_world(lake, model, as_of)
    rows = learnable(lake, model, as_of, policy.lane_of(failed, since), blocked)
    found = policy.Evidence(
        as_of,
        policy.most_rows(rows, rests),
        has_champion,
        failed=failed,
        incidents=incidents,
        resting=rests,
        learnable=rows,
        new_since=since,
        mixed=mixed(lake, model, as_of),
    )
    if not has_champion:
        return found
    return replace(
        found,
        unseen_days=unseen_days(lake, model, as_of, blocked),
        features_changed=features_changed(lake, model, as_of),
    )


def watched(lake: Lake, model: MlModel, as_of: date) -> tuple[Failed, Findings]:
    """Return the checks of a day that failed, and what is broken."""
    found = store.kept(lake, model, store.DRIFT, as_of)
    findings = TypeAdapter(Findings).validate_python(found["findings"])
    return raised.failed(checks_of(lake, model, as_of)), findings


def unwatched(lake: Lake, model: MlModel, as_of: date) -> tuple[Failed, Findings]:
    """Return the same of a day without a champion: only what the ledger knows to be broken."""
    held = held_findings(lake, as_of, model.drift.window_days)
    return (), held + failed_findings(lake, model, as_of)


def features_changed(lake: Lake, model: MlModel, as_of: date) -> str | None:
    """Say how today's features differ from what the champion has learned from.

    None where they do not, while days of the training window are still those of older SQL, and when
    a candidate of today's features was judged beside this champion: once is enough to ask.
    """
    now, live = model.features_checksum, ledger.champion_on(lake, model.name, as_of)
    known = learned_by(lake, model, live)
    if known is None or known == now or not is_one_version(lake, model, as_of):
        return None
    judged = lake.rows(
        """select v.features from ledger.promotions as p
        join ledger.versions as v on v.model = p.model and v.version = p.candidate
        where p.model = ? and p.as_of < ? and p.as_of > ?""",
        [model.name, as_of, champion_decided_on(lake, model, as_of)],
    )
    if now in {row["features"] for row in judged}:
        return None
    table, old = model.features.table, known[:MADE_BY]
    return f"{table} is made by {now[:MADE_BY]}, version {live} learned from {old}"


def mixed(lake: Lake, model: MlModel, as_of: date) -> str | None:
    """Say which days of the training window other versions of their dbt models have made, or None.

    A training would refuse them, so it waits for the backfill.
    """
    for table, found in _made(lake, model, as_of).items():
        if len(set(found.values())) > 1:
            return f"{table} is made by different dbt models ({made_by(found)}): a backfill is due"
    return None


def is_one_version(lake: Lake, model: MlModel, as_of: date) -> bool:
    """Return whether the SQL as it is has made all days that a training of a day may use."""
    now = {model.features.table: model.features_checksum, model.label.table: model.label_checksum}
    return all(set(d.values()) == {now[t]} for t, d in _made(lake, model, as_of).items())


def _made(lake: Lake, model: MlModel, as_of: date) -> dict[str, dict[date, str]]:
    """Who has made each day of the training window that has passed, by table."""
    days = days_between(as_of - timedelta(days=model.train.window_days - 1), as_of)
    tables = (model.features.table, model.label.table)
    return {table: checksums_of(lake, table, days) for table in tables}


def unseen_days(lake: Lake, model: MlModel, as_of: date, blocked: set[date]) -> int:
    """Return how many matured days may judge a candidate against the champion."""
    decided = champion_decided_on(lake, model, as_of)
    last = as_of - timedelta(days=model.label.horizon_days)
    if decided is None or last <= decided:
        return 0
    days = days_between(decided + timedelta(days=1), last)
    return len(without(days, blocked | unfit_days(lake, model, days).keys()))


def history(lake: Lake, model: MlModel, as_of: date, in_flight: bool) -> policy.History:
    """Return what came before a day: its previous decision and the last trainings."""
    previous = lake.rows(
        """select evidence from ledger.decisions where model = ? and as_of < ?
        order by as_of desc limit 1""",
        [model.name, as_of],
    )
    last = policy.from_json(previous[0]["evidence"]) if previous else None
    return policy.History(
        previous=policy.Previous.of(last) if last else None,
        trainings=trainings(lake, model, as_of),
        in_flight=in_flight,
    )


def trainings(lake: Lake, model: MlModel, as_of: date) -> tuple[Training, ...]:
    """Return the last trainings before a day that came to a verdict, oldest first."""
    found = lake.rows(
        """select p.as_of, p.promoted, d.evidence
        from ledger.promotions as p left join ledger.decisions as d using (model, as_of)
        where model = ? and as_of < ? order by as_of desc limit ?""",
        [model.name, as_of, RECALLED],
    )
    return tuple(
        Training(
            row["as_of"],
            row["promoted"],
            alarm=row["evidence"] is not None and policy.from_json(row["evidence"]).by_alarm,
        )
        for row in reversed(found)
    )
