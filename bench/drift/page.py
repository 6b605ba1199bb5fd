"""`docs/benchmarks-drift.md` and its plots, from what the parts of `make bench-drift` have kept.

python -m bench.drift.page
"""

from collections.abc import Iterator

from bench.drift import plots
from bench.drift.goals import Kept, goals, mean, of, regret
from bench.drift.policies import CLAIRVOYANT, POLICIES
from bench.results import DRIFT_RESULTS, ROOT
from bench.tables import GOAL_HEADS, stamps, table

OUT = ROOT / "docs"
PARTS = {
    "years": "false alarms, delays, broken days",
    "speed": "speed",
    "policies": "retraining policies on streams",
    "gate": "the gate",
    "trial": "the trial of a new champion",
    "real": "two years of Online Retail II",
    "injected": "drifts laid into Online Retail II",
}
HEAD = """# Drift, decisions and promotions, measured

`make bench-drift` writes this page. Everything is seeded; a part that was not measured is named as
such. Times are of two cores that other work may share; CPU minutes are a part's own.
"""
YEARS = """Streams (`bench/drift/streams.py`): 20 columns, a reference of 84 days, then a year.
Levels of days wander (sd of days in shares of the rows' sd, correlation with the day
before); weekends and holidays differ. An alarm is a check that would start a training;
for seven days after it none counts.
"""
REPLAYED = """Six features, 300 rows a day, 270 days (`bench/drift/policies.py`), the same small
model for every policy; labels are known after the delay, and no policy sees them earlier.
Means of the seeds. Regret is against daily retraining without a gate, on the seeds that
both were measured on. An alarm is true within eight weeks of a drift. The clairvoyant
(`bench/drift/clairvoyant.py`) knows on which day the rule changes, learns daily from
nothing older, and takes the best of its models by the day's own labels: a goal beyond it
cannot be met on that stream.
"""
GATE = """Four candidates a decision, labels that overlap over 14 days and are known 14 days
later, test rows that nobody has learned from (`bench/drift/gate.py`); what is promoted
is compared with the champion on 100,000 fresh rows. Materially worse: at least 1 %, p <
.05.
"""
TRIAL = """Share of simulated trials that end with a rollback (`bench/drift/trial.py`), {trials} of
each kind, {customers} customers a day.
"""
REAL = """Two years of a real shop (UCI Online Retail II, 2009-12 to 2011-12), with the
`{estimator}` estimator, {minutes:.1f} minutes of wall clock for all four on two cores.
Nobody knows its true drifts: an alarm is confirmed where a training found a better
model while it was up.
"""
INJECTED = """## Drifts laid into the shop

From a day on the rows are others (`bench/drift/injected.py`, after arXiv 2606.07789),
labels and sketches with them; labels are known after 14 days. Eight weeks of alarms and
losses, mean of {starts} days to begin on. "None" is the shop itself: its alarms on the
same days are false or the shop's own.
"""


def main() -> None:
    """Write the page and the plots."""
    parts = {name: found for name in PARTS if (found := DRIFT_RESULTS.kept(name))}
    sections = [HEAD, stamps(PARTS, parts), "## Goals\n", table(GOAL_HEADS, list(goals(parts)))]
    for name, section in SECTIONS.items():
        if name in parts:
            sections += section(parts[name]["found"])
    (OUT / "benchmarks-drift.md").write_text("\n".join(sections))
    plots.draw(parts, OUT / "images")


def delay(found: Kept | None) -> list[str]:
    """Median, 90 % quantile and share missed."""
    if found is None:
        return ["", "", ""]
    quantiles = ["-" if found[q] is None else f"{found[q]:.0f}" for q in ("median", "p90")]
    return [*quantiles, f"{found['missed']:.1%}"]


def _years(found: Kept) -> Iterator[str]:
    ours, heads = found["worlds"]["1000/0.06/0.5"], ["median days", "p90", "missed in 28"]
    yield f"## False alarms and delays\n\n{YEARS}{found['seeds']} seeds.\n"
    rows = [
        [
            *key.split("/"),
            f"{sum(world['alarms']) / len(world['alarms']):.2f}",
            f"{sum(world['false_incidents']) / len(world['false_incidents']):.2f}",
        ]
        for key, world in found["worlds"].items()
    ]
    first = ["rows a day", "sd of days up to", "their correlation", "false alarms a year"]
    yield table([*first, "false incidents a year"], rows)
    rows = [[*key.split("/"), *delay(d)] for key, d in ours["delays"].items()]
    yield "Days until a drift is found, 1,000 rows a day:\n"
    yield table(["columns of 20", "shift, sd", "how", *heads], rows)
    yield "Beside the usual rules, 1,000 rows a day, shift of 0.3 sd in one column:\n"
    mine = {"alarms": ours["alarms"], "delays": ours["delays"]["1/0.3/abrupt"]}
    rules = {"Leeway": mine, **found["peers"]}
    rows = [
        [rule, f"{sum(r['alarms']) / len(r['alarms']):.1f}", *delay(r["delays"])]
        for rule, r in rules.items()
    ]
    yield table(["rule", "false alarms a year", *heads], rows)
    yield (
        "The most that can be counted is 53 a year; a rule that is always up finds everything on "
        "the first day.\n\n![False alarms and delays](images/drift-alarms.png)\n"
    )


def _policies(found: list[Kept]) -> Iterator[str]:
    yield f"## Policies\n\n{REPLAYED}"
    heads = ["stream", "label delay", "policy", "log loss", "regret", "trained", "deployed",
             "worse", "rolled back", "alarms", "true", "CPU s"]  # fmt: skip
    counted = ("trainings", "deployments", "worse", "rollbacks", "alarms", "true_alarms")
    rows = []
    for stream, days in dict.fromkeys((each["stream"], each["delay"]) for each in found):
        daily = of(found, (stream,), days, "daily")
        for policy in (*POLICIES, CLAIRVOYANT):
            same = of(found, (stream,), days, policy)
            if not same:
                continue
            above = regret(same, daily)
            counts = [f"{mean(same, name):.1f}" for name in counted]
            shown = [f"{mean(same, 'loss'):.4f}", "" if above is None else f"{above:+.1%}", *counts]
            cpu = f"{mean(same, 'seconds'):.0f}"
            rows.append([f"{stream} ({len(same)} seeds)", str(days), policy, *shown, cpu])
    yield table(heads, rows)
    yield "![Loss against never retraining](images/drift-policies.png)\n"


def _gate(counts: list[Kept]) -> Iterator[str]:
    yield f"## The gate\n\n{GATE}"
    rows = []
    for scenario, lane in dict.fromkeys((c["scenario"], c["lane"]) for c in counts):
        same = [c for c in counts if (c["scenario"], c["lane"]) == (scenario, lane)]
        sums = [sum(c[key] for c in same) for key in ("decisions", "promoted", "worse")]
        rows.append([scenario, lane, *map(str, sums)])
    yield table(["candidates", "lane", "decisions", "promoted", "materially worse"], rows)


def _trial(found: Kept) -> Iterator[str]:
    yield f"## The trial of a new champion\n\n{TRIAL.format(**found)}"
    rules = list(next(iter(found["shares"].values()))["rules"])
    rows = [
        [name, *(f"{each['rules'][rule]:.1%}" for rule in rules), f"{each['added']:.4f}"]
        for name, each in found["shares"].items()
    ]
    yield table(["new model", *rules, "mean loss added"], rows)


def _real(found: Kept) -> Iterator[str]:
    text = REAL.format(estimator=found["estimator"], minutes=found["seconds"] / 60)
    yield f"## A real shop\n\n{text}"
    yield table(found["headings"], found["rows"])


def _injected(drifts: list[Kept]) -> Iterator[str]:
    yield INJECTED.format(starts=len({each["start"] for each in drifts}))
    rows = [
        _drift(name, [each for each in drifts if each["drift"] == name])
        for name in dict.fromkeys(each["drift"] for each in drifts)
    ]
    heads = ["drift", "alarms", "found by (days)", "new models", "log loss", "of never retraining"]
    yield table(heads, rows)


def _drift(name: str, found: list[Kept]) -> list[str]:
    hits = [f"{each['found_by']} ({each['days']})" if each["found_by"] else "-" for each in found]
    adaptive, never = mean(found, "adaptive"), mean(found, "never")
    counts = [f"{mean(found, key):.1f}" for key in ("alarms", "deployed")]
    losses = [f"{adaptive:.4f}", f"{never:.4f} ({adaptive / never - 1:+.1%})"]
    return [name, counts[0], ", ".join(hits), counts[1], *losses]


SECTIONS = {
    "years": _years, "policies": _policies, "gate": _gate, "trial": _trial, "real": _real,
    "injected": _injected,
}  # fmt: skip

if __name__ == "__main__":
    main()
