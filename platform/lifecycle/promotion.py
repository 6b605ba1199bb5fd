"""The gate's verdict as a row of the ledger; what is promoted is refitted on all that matured."""

from dataclasses import replace
from datetime import date
from typing import Any

import ledger
from commit_points import reached
from declaration import MlModel
from lifecycle import calibration, candidate, evaluation, store, training_set
from lifecycle.splits import windows_of
from ml import gate, splits
from ml.evidence import Evidence, Scored
from ml.schema import Schema
from ml.splits import Parts
from resources.lake import Lake
from resources.registry import Registry


def judge(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int
) -> dict[str, Any]:
    """Decide whether a decision day's candidate goes live, and write the verdict.

    A day that was judged keeps its verdict. Returns promoted, version, reasons and checks.
    """
    found = ledger.verdict_on(lake, model.name, as_of)
    row = candidate.version_row(lake, model, as_of, "candidate")
    if found and row and found["candidate"] == row["version"]:
        return found
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    document = store.kept(lake, model, evaluation.WHAT, as_of)
    split = training_set.split_from(model, manifest)
    parts, columns = training_set.rows_of(lake, model, manifest, split)
    shown = _evidence(lake, model, as_of, manifest, document, parts, columns)
    policy = gate.GatePolicy(min_rows=model.gate.min_rows, seed=model.train.seed)
    verdict = gate.decide(shown, policy)
    version, reasons = document["candidate"], list(verdict.reasons)
    promoted = verdict.promote
    if promoted:
        version, refused = _refit(lake, registry, model, manifest, version, parts, threads)
        promoted, reasons = refused is None, [*reasons, *([refused] if refused else [])]
    kept = {
        "version": version,
        "candidate": document["candidate"],
        "promoted": promoted,
        "lane": manifest["lane"],
        "reasons": store.encoded(reasons),
        "evidence": store.encoded(verdict.to_dict()),
    }
    told = (as_of, "promotion", model.name, f"version {version} is live: {'; '.join(reasons)}")
    key = {"model": model.name, "as_of": as_of}
    ledger.put(lake, "promotions", key, kept, alerting=told if promoted else None)
    reached("promotion-kept")
    reconcile(lake, registry, model)
    return ledger.verdict_on(lake, model.name, as_of) or {}


def reconcile(lake: Lake, registry: Registry, model: MlModel) -> None:
    """Point MLflow's alias at what the ledger says is live; a crash may have come between."""
    live = ledger.champion_on(lake, model.name, date.max)
    if live is not None and registry.pointed(model.name) != live:
        registry.point(model.name, live)


def _evidence(
    lake: Lake,
    model: MlModel,
    as_of: date,
    manifest: dict[str, Any],
    document: dict[str, Any],
    parts: Parts,
    columns: Schema,
) -> Evidence:
    """Put what the evaluation kept before the gate; what was not kept is missing, never guessed."""
    scored = {
        name: Scored.of(rows, columns, rows["prediction"].to_numpy())
        for name, rows in evaluation.kept_predictions(lake, model, as_of).items()
    }
    return Evidence.of(
        parts.test,
        columns,
        candidate=scored.pop(evaluation.CANDIDATE, None),
        champion=scored.pop(evaluation.CHAMPION, None),
        first=manifest["champion"] is None,
        reload_difference=document.get("reload_difference"),
        baselines=scored,
        slices=model.gate.slices,
    )


def _refit(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    manifest: dict[str, Any],
    judged: int,
    parts: Parts,
    threads: int,
) -> tuple[int, str | None]:
    """Train the gated recipe on everything matured; returns its version and why it is refused."""
    as_of = date.fromisoformat(manifest["as_of"])
    gated = registry.load(model.name, judged)
    split = splits.refit(as_of, windows_of(model), training_set.split_from(model, manifest))
    everything, columns = training_set.rows_of(lake, model, manifest, split)
    made = candidate.fit_and_register(
        lake, registry, model, manifest, "refit", everything.train, None, columns,
        replace(gated.refit_config, threads=threads), everything.weights,
    )  # fmt: skip
    fitted = registry.load(model.name, made["version"])
    agreement = gate.refit_agrees(gated.predict(parts.test), fitted.predict(parts.test))
    calibration.calibrate(
        lake, registry, model, fitted, split.train_days[-1], manifest["snapshot"],
        made["mlflow_run"],
    )  # fmt: skip
    reached("refit-calibrated")
    return made["version"], None if agreement.passed else str(agreement)
