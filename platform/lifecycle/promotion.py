"""The gate's verdict as a row of the ledger; what is promoted is refitted on all that matured."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import ledger
from commit_points import reached
from declaration import MlModel
from lifecycle import calibration, candidate, champions, evaluation, store, training_set
from lifecycle.alias import reconcile
from lifecycle.loaded import fitted_of
from lifecycle.rival import comparable, is_moved
from lifecycle.splits import decided_on, windows_of
from ml import gate
from ml.evaluation import day_losses
from ml.evidence import Evidence, Learned, Scored
from ml.fingerprint import by_day
from resources.lake import Lake
from resources.registry import Registry

NO_WORSE = (
    "the champion's features are made by SQL that is gone: to lose less than {:.0%} is enough"
)


def judge(
    lake: Lake, registry: Registry, model: MlModel, as_of: date, threads: int
) -> dict[str, Any]:
    """Decide whether a decision day's best candidate goes live, and write the verdict.

    A day that was judged keeps its verdict. Returns promoted, version, reasons and checks.
    """
    found = ledger.verdict_on(lake, model.name, as_of)
    manifest = store.kept(lake, model, training_set.WHAT, as_of)
    trained = candidate.versions(lake, model, manifest, "candidate")
    if found and found["candidate"] in {row["version"] for row in trained.values()}:
        reconcile(lake, registry, model.name)
        return found
    document = store.kept(lake, model, evaluation.WHAT, as_of)
    shown = evidence(lake, model, manifest, document)
    moved = is_moved(lake, model, manifest)
    policy = gate.GatePolicy(model.gate.min_rows, moved=moved, seed=model.train.seed)
    verdict = gate.decide(shown, policy)
    judged = verdict.candidate or next(iter(document["candidates"]))
    version, reasons = document["candidates"][judged], list(verdict.reasons)
    promoted = verdict.promote
    if promoted:
        version, told = _refit(lake, registry, model, manifest, judged, version, threads)
        reasons += [*([NO_WORSE.format(policy.moved_loss)] if moved else []), *told]
    kept = {
        "version": version,
        "candidate": document["candidates"][judged],
        "promoted": promoted,
        "lane": manifest["lane"],
        "reasons": reasons,
        "evidence": store.encoded(verdict.to_dict()),
    }
    key = {"model": model.name, "as_of": as_of}
    champions.keep_verdict(lake, key, kept, rival=manifest["champion"])
    reached("promotion-kept")
    reconcile(lake, registry, model.name)
    return ledger.verdict_on(lake, model.name, as_of) or {}


def evidence(
    lake: Lake, model: MlModel, manifest: Mapping[str, Any], document: Mapping[str, Any]
) -> Evidence:
    """Put what the evaluation kept before the gate; what was not kept is missing, never guessed.

    What each candidate has learned from is read from its training rows, not from what was planned.
    """
    as_of, windows = date.fromisoformat(manifest["as_of"]), windows_of(model)
    learned = {}
    for recipe in reversed(manifest["recipes"]):  # the first's parts are those that stay
        split = training_set.split_from(manifest, recipe)
        parts, columns = training_set.rows_of(lake, model, manifest, split)
        learned[recipe] = split.learned(parts, columns, windows)
    rows = evaluation.kept_predictions(lake, model, as_of)
    live = decided_on(lake, model, manifest["champion"])

    task = model.target

    def scored(name: str, source: Learned | None) -> Scored | None:
        if name not in rows:
            return None
        return Scored.of(rows[name], columns, task.untable(rows[name]), source)

    candidates = {r: scored(gate.candidate_name(r), learned[r]) for r in manifest["recipes"]}
    beaten = gate.first_model_beats(task)
    baselines = {name: scored(name, learned[next(iter(candidates))]) for name in beaten}
    test, _ = comparable(lake, model, manifest, parts.test, columns)
    return Evidence.of(
        test,
        columns,
        as_of=as_of,
        horizon_days=model.label.horizon_days,
        candidates=candidates,
        champion=scored(gate.CHAMPION, Learned(live) if live else None),
        first=manifest["champion"] is None,
        reload_differences=document.get("reload_differences", {}),
        baselines={name: found for name, found in baselines.items() if found},
        slices=model.gate.slices,
    )


def _refit(
    lake: Lake,
    registry: Registry,
    model: MlModel,
    manifest: dict[str, Any],
    recipe: str,
    judged: int,
    threads: int,
) -> tuple[int, list[str]]:
    """Train the gated recipe on everything matured; returns the version that goes live.

    Where the refit is another model than the one that was judged, that one goes live itself, and
    the second value says so.
    """
    gated = fitted_of(registry, model, judged)
    gated_split = training_set.split_from(manifest, recipe)
    test = training_set.rows_of(lake, model, manifest, gated_split)[0].test
    split = training_set.split_for(manifest, recipe, "refit")
    everything, columns = training_set.rows_of(lake, model, manifest, split)
    said = {**manifest, "recipe": recipe, training_set.REFIT: by_day(everything.train, model.time)}
    made = candidate.fit_and_register(
        lake, registry, model, said, "refit", everything.train, None,
        columns, replace(gated.refit_config, threads=threads), everything.weights,
    )  # fmt: skip
    fitted = fitted_of(registry, model, made["version"])
    predictions = gated.predict(test)
    agreement = gate.refit_agrees(model.target, predictions, fitted.predict(test))
    chosen, last, told = (fitted, made), split.train_days[-1], []
    if not agreement.passed:
        row = candidate.versions(lake, model, manifest, "candidate")[recipe]
        chosen, last = (gated, row), gated_split.train_days[-1]
        told = [f"{agreement}, so version {judged} goes live as it was judged"]
    calibration.calibrate(
        lake, registry, model, chosen[0], last, manifest["snapshot"], chosen[1]["mlflow_run"],
        test, day_losses(test, columns, predictions),
    )  # fmt: skip
    reached("refit-calibrated")
    return chosen[1]["version"], told
