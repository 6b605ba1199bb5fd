"""A model's history for a terminal, drawn by rich."""

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chronicle import Event, Live, Served, Training
from lifecycle.repair import Step
from lifecycle.taint import Taint, TaintedModel, spans
from ml.reproduction import Reproduction
from shown import add_row


def show_history(out: Console, model: str, events: Sequence[Event]) -> None:
    """Print every event of a model, newest last."""
    table = Table("as of", "what", "outcome", "version", "why", title=Text(f"{model}: its ledger"))
    for event in events:
        version = "" if event.version is None else str(event.version)
        why = "; ".join(event.why) or "nothing failed"
        add_row(table, str(event.as_of), event.what, event.outcome, version, why)
    out.print(table)
    if not events:
        out.print("nothing yet: `leeway run` decides day by day")


def show_live(out: Console, live: Live) -> None:
    """Print what was live on a day and why, a line per fact, then the gate's checks."""
    table = Table(
        "what", "value", title=Text(f"{live.model} on {live.day}: version {live.version}")
    )
    for what, value in facts(live):
        add_row(table, what, value)
    out.print(table)
    if live.verdict:
        checks = Table("check of the gate", "passed", "value", "limit")
        for check in live.verdict.checks:
            value = "missing" if check.get("value") is None else f"{check['value']:.6g}"
            passed = "yes" if check.get("passed") else "no"
            add_row(checks, str(check["name"]), passed, value, str(check.get("limit", "")))
        out.print(checks)


def facts(live: Live) -> list[tuple[str, str]]:
    """Return what is told of a day, in order."""
    before = "nothing" if live.previous is None else f"version {live.previous}"
    found = [
        ("live since", f"{live.live_from}: {live.action} by the {live.by}"),
        ("why", live.why),
        ("before it", before),
    ]
    if live.trial_until:
        found.append(("on trial", f"until {live.trial_until}, {before} scores beside it"))
    found += trained(live.training)
    if live.verdict:
        told = "; ".join(live.verdict.reasons)
        found.append((f"verdict of {live.verdict.as_of}", told))
    if live.decision:
        reasons = "; ".join(live.decision.reasons)
        found.append((f"decision of {live.decision.as_of}", f"{live.decision.kind}: {reasons}"))
        found.append(("its evidence", evidence(live.decision.evidence)))
    return [*found, *served(live.served, live.day)]


def trained(training: Training | None) -> list[tuple[str, str]]:
    """Return what a version was made from."""
    if training is None:
        return [("trained", "the ledger has no such version")]
    rows = ", ".join(f"{count:,} {part}" for part, count in training.rows.items())
    made = f"{training.first_day}..{training.last_day}, {training.features} features"
    if training.left_out:
        made += f", without {', '.join(map(str, training.left_out))}"
    recipe = f", recipe {training.recipe}" if training.recipe else ""
    return [
        ("trained on", made),
        ("training set", f"{training.training_set}: {rows}; snapshot {training.snapshot}"),
        ("as", f"{training.kind} of {training.as_of}, {training.lane} lane{recipe}"),
        ("code", training.commit),
    ]


def evidence(known: dict) -> str:
    """Return a decision's evidence in a line."""
    failed = [f"{c['name']}: {c['reason']}" for c in known.get("failed", ())]
    incidents = [f"{f['name']}: {f['reason']}" for f in known.get("incidents", ())]
    rows = known.get("matured_rows")
    return "; ".join(
        [f"{rows:,} rows matured" if rows is not None else "none", *failed, *incidents]
    )


def served(day: Served, of: date) -> list[tuple[str, str]]:
    """Return what was predicted and how good it was."""
    if not day.rows:
        return [("predictions", "none"), ("loss", "none")]
    means = (day.mean_prediction or {}).items()
    told = f"{day.rows:,} by version {day.version}, mean "
    told += ", ".join(f"{name} {value:.4f}" for name, value in means)
    if day.mean_loss is None:
        return [("predictions", told), ("loss", f"labels of {of} mature on {day.matures}")]
    loss = f"{day.mean_loss:.4f}"
    if day.shadow_loss is not None:
        loss += f"; version {day.shadow} in its shadow {day.shadow_loss:.4f}"
    return [("predictions", told), ("loss", loss)]


def show_taint(out: Console, found: Taint, steps: Sequence[Step]) -> None:
    """Print what has used wrong days, and the plan."""
    title = Text(f"what has used {found.table} {spans(found.days)}")
    table = Table("what", "which", title=title)
    for reach in found.tables:
        add_row(table, f"days of {reach.table}", f"{spans(reach.days)} ({reach.known_by})")
    for model in found.models:
        for what, which in tainted(model):
            add_row(table, f"{model.model}: {what}", which)
    out.print(table)
    for number, step in enumerate(steps, 1):
        out.print(f"{number}. {step.what}", markup=False, highlight=False, soft_wrap=True)
        where = f"materialize {step.asset} {spans(step.days) if step.days else ''}"
        told = step.command or where
        out.print(f"   {told}", markup=False, highlight=False, soft_wrap=True)
    if not steps:
        out.print("nothing is to be done")


def show_reproduction(out: Console, found: Reproduction) -> None:
    """Print every hash and fact of both trainings, then the outcome."""
    title = Text(f"{found.model} version {found.version}: {found.kind}, snapshot {found.snapshot}")
    table = Table("what", "then", "now", "same", title=title)
    for each in (*found.kept, *found.trained, *found.build):
        same = "yes" if each.same else "no" if each.then else "unknown"
        add_row(table, each.what, each.then or "unknown", each.now, same)
    out.print(table)
    told = f"{found.model} version {found.version}: {found.told}"
    out.print(told, markup=False, highlight=False, soft_wrap=True)


def tainted(model: TaintedModel) -> list[tuple[str, str]]:
    """Return what of a model has used the days."""
    learned = [f"{v.version} ({v.kind}, {spans(v.learned)})" for v in model.versions if v.learned]
    judged = [f"{v.version} ({spans(v.judged)})" for v in model.versions if v.judged]
    alarms = [f"{v.version} ({spans(v.calibrated)})" for v in model.versions if v.calibrated]
    sets = dict.fromkeys(
        f"{v.training_set} of {v.as_of}" for v in model.versions if v.learned or v.judged
    )
    decisions = [f"{day} ({', '.join(ways)})" for day, ways in model.decisions.items()]
    live = "none" if model.live is None else f"version {model.live}"
    return [
        ("live", f"{live}, {'tainted' if model.live_is_tainted else 'clean'}"),
        ("training sets", ", ".join(sets) or "none"),
        ("versions that learned from them", ", ".join(learned) or "none"),
        ("versions judged on them", ", ".join(judged) or "none"),
        ("versions whose alarms compare with them", ", ".join(alarms) or "none"),
        ("predictions", spans(model.predictions)),
        ("predictions of shadows", spans(model.shadow_predictions)),
        ("decisions", ", ".join(decisions) or "none"),
    ]
