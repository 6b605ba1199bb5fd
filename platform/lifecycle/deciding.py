"""Collect a day's evidence, decide by `ml.policy`, keep the decision in the ledger."""

import json
from datetime import date, timedelta

from pydantic import TypeAdapter

import ledger
from assets.partitions import days_between
from declaration import MlModel
from examples import count_labelled
from lifecycle import monitoring, store
from lifecycle.quality import blocked_days, held_findings
from lifecycle.splits import champion_decided_on, split_of
from lifecycle.tested import failed_findings, unfit_days, without
from ml import policy
from ml.incident import Finding
from resources.lake import Lake


def decide(lake: Lake, model: MlModel, as_of: date, in_flight: bool) -> policy.Decision:
    """Decide what a day's evidence asks for and write the ledger's row.

    A day that is older than the newest decision keeps the row it has: evidence that is backfilled
    decides nothing. Raises NoEvidenceError where a champion is live but was not watched that day.
    """
    newest = ledger.frontier(lake, model.name)
    if newest and newest["as_of"] >= as_of:
        found = ledger.decision_on(lake, model.name, as_of)
        if found:
            return policy.from_json(found["evidence"])
    decision = policy.decide(
        evidence(lake, model, as_of),
        history(lake, model, as_of, in_flight),
        policy.RetrainPolicy(
            model.train.min_rows, model.retrain.cooldown_days, model.gate.test_days // 2
        ),
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


def evidence(lake: Lake, model: MlModel, as_of: date) -> policy.Evidence:
    """Return what is known at the end of a day."""
    split = split_of(model, as_of, "normal", None)
    blocked = blocked_days(lake, model)
    left_out = blocked | unfit_days(lake, model, split.train_days).keys()
    rows = count_labelled(lake, model, without(split.train_days, left_out))
    if ledger.champion_on(lake, model.name, as_of) is None:
        held = held_findings(lake, as_of, model.drift.window_days)
        broken = held + failed_findings(lake, model, as_of)
        return policy.Evidence(as_of, rows, has_champion=False, incidents=broken)
    found = store.kept(lake, model, monitoring.WHAT, as_of)
    failed = tuple(
        policy.FailedCheck(c["name"], c["severity"], c["reason"], c["statistic"], c["threshold"])
        for c in found["checks"]
        if not c["passed"] and c["name"] != "incidents"
    )
    incidents = TypeAdapter(tuple[Finding, ...]).validate_python(found["findings"])
    unseen = unseen_days(lake, model, as_of, blocked)
    return policy.Evidence(as_of, rows, True, unseen, failed, incidents)


def unseen_days(lake: Lake, model: MlModel, as_of: date, blocked: set[date]) -> int:
    """Return how many matured days may judge a candidate against the champion."""
    decided = champion_decided_on(lake, model, as_of)
    last = as_of - timedelta(days=model.label.horizon_days)
    if decided is None or last <= decided:
        return 0
    days = days_between(decided + timedelta(days=1), last)
    return len(without(days, blocked | unfit_days(lake, model, days).keys()))


def history(lake: Lake, model: MlModel, as_of: date, in_flight: bool) -> policy.History:
    """Return what came before a day: its previous decision and the last training."""
    previous = lake.rows(
        """select evidence from ledger.decisions where model = ? and as_of < ?
        order by as_of desc limit 1""",
        [model.name, as_of],
    )
    trained = lake.rows(
        "select max(as_of) as as_of from ledger.promotions where model = ? and as_of < ?",
        [model.name, as_of],
    )
    last = policy.from_json(previous[0]["evidence"]) if previous else None
    return policy.History(
        previous=policy.Previous(last.as_of, last.kind, last.pending) if last else None,
        last_training=trained[0]["as_of"],
        in_flight=in_flight,
    )
