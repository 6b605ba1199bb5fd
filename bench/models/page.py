"""`docs/benchmarks-models.md`, from what the parts of `make bench-models` have kept.

python -m bench.models.page
"""

from collections.abc import Callable, Iterator
from typing import Any

from bench.results import MODEL_RESULTS, ROOT
from bench.tables import GOAL_HEADS, Row, row, stamps, table

Kept = dict[str, Any]
PARTS = {
    "tuning": "LightGBM's settings",
    "walk": "walk forward through the real shop",
    "features": "features",
    "tasks": "a number and a class",
    "simulated": "the simulated shop",
    "duration": "training time",
    "speed": "speed and memory of the loop",
}
HEAD = """# Models, measured

`make bench-models` writes this page. Everything is seeded; a part that was not measured is named as
such. The machine was shared with other work: CPU seconds say more than wall clock.
"""
WALK = """## A walk forward through a real shop

UCI Online Retail II, will an active customer buy again in 14 days? {rows:,} test rows of weekly
as_of days from {first} to {last}, of which {base_rate:.1%} did. A decision every two weeks
learns from the year whose labels had matured; a tenth of the customers is held out for stopping and
calibration. LightGBM was tuned by 50 Optuna trials on eight weekly days from 2011-04-25 to
2011-07-04, by decisions made in the same way; it sees raw columns and native categories, and
whether it sees what all rows of a day share (season, trend) was tuned too: `tuned_other` is the
other choice. `lightgbm` is the baseline of every evaluation, with fixed settings. Seeds of the
first three: {seeds}.
"""
BETTER = """How much better `tabular` is, with 95 % intervals of a paired bootstrap over blocks of
days; the difference of ROC AUC is that of single days, where the level of a day does not count:
"""
FEATURES = """## Features

One LightGBM with fixed settings, trained once on the year up to 2011-07-01, judged by the same test
days. 25 features that are quickly written in SQL (`bench/models/quick.py`) against the platform's,
on the platform's population (bought in the last 90 days) and, for the quick ones, also on everybody
who has ever bought: the many who will not come back are easily told, so figures there are not
comparable.
"""
TASKS = """## A number and a class

The same rows and decisions, other labels: ln(1 + pounds spent in 14 days), and nothing, under 300
or more; LightGBM with the settings it was tuned to for the binary task.
"""
SIMULATED = """## The simulated shop

Of the fall in expected log loss from the base rate to the true probabilities, how much does a model
reach? Weekly rows of a year, judged by seven weeks that follow; a tenth of the customers too, where
there is little to learn from. LightGBM tuned by 50 trials on earlier weeks of the same rows.
"""


def main() -> None:
    """Write the page."""
    parts = {name: found for name in PARTS if (found := MODEL_RESULTS.kept(name))}
    sections = [HEAD, stamps(PARTS, parts), "## Goals\n", table(GOAL_HEADS, list(goals(parts)))]
    for name, section in SECTIONS.items():
        if name in parts:
            sections += section(parts[name]["found"])
    (ROOT / "docs" / "benchmarks-models.md").write_text("\n".join(sections))


def goals(parts: dict[str, Kept]) -> Iterator[Row]:
    """Measure, goal, figure and whether it is met, of the parts that have run."""
    for name, of_part in GOALS.items():
        if name in parts:
            yield from of_part(parts[name]["found"])


def _features_goals(found: Kept) -> Iterator[Row]:
    ours = found["figures"]["platform"]
    met = ours["roc_auc"] > 0.7478 and ours["log_loss"] < 0.4387
    figure = f"{ours['roc_auc']:.4f}, {ours['log_loss']:.4f}"
    yield row("features: ROC AUC, log loss, trained once", "> 0.7478, < 0.4387", figure, met)


def _tasks_goals(found: Kept) -> Iterator[Row]:
    for name, each in found.items():
        ours, theirs = (each["models"][n][each["metric"]] for n in ("tabular", "tuned"))
        goal = f"<= LightGBM's {theirs:.4f}"
        yield row(f"{name}: {each['metric']}", goal, f"{ours:.4f}", ours <= theirs)


def _simulated_goals(found: list[Kept]) -> Iterator[Row]:
    for each in found:
        gains = each["gains"]
        name = f"simulated shop, {each['train_rows']:,} rows: share of the possible gain"
        figure = f"{gains['tabular']['mean']:.1%} (LightGBM {gains['tuned']['mean']:.1%})"
        yield row(name, ">= 95 %", figure, gains["tabular"]["mean"] >= 0.95)


def _duration_goals(found: Kept) -> Iterator[Row]:
    figure = f"{found['seconds']:.0f} s ({found['cpu_seconds']:.0f} CPU seconds)"
    name = f"training two years, {found['rows']:,} rows"
    yield row(name, "<= 180 s on 2 cores", figure, found["seconds"] <= 180)


def _speed_goals(found: Kept) -> Iterator[Row]:
    share = found["loop_of_bare_loop"]
    yield row(
        "training loop, of a bare loop's rows a second", ">= 90 %", f"{share:.0%}", share >= 0.9
    )
    share = found["scoring_of_bare_scoring"]
    yield row(
        "Arrow to Arrow scoring, of a bare forward pass", ">= 70 %", f"{share:.0%}", share >= 0.7
    )
    times = found["peak_of_tensors"]
    name = f"peak memory of training, of its tensors ({found['tensors'] / 1e6:.0f} MB)"
    yield row(name, "<= 2 x", f"{times:.2f} x", times <= 2)


def _walk_goals(found: Kept) -> Iterator[Row]:
    ours, theirs = found["models"]["tabular"], found["models"]["tuned"]
    for name, sign in (("roc_auc", 1), ("log_loss", -1)):
        goal = f"{'>' if sign > 0 else '<'} tuned LightGBM's {theirs[name]:.4f}"
        met = sign * ours[name] > sign * theirs[name]
        yield row(
            f"{name.replace('_', ' ')}, {found['seeds']} seed(s)", goal, f"{ours[name]:.4f}", met
        )
    yield row("ECE, 15 bins", "<= 0.02", f"{ours['ece']:.4f}", ours["ece"] <= 0.02)


def _tuning(found: Kept) -> Iterator[str]:
    shown = {n: f"{v:.3g}" if isinstance(v, float) else v for n, v in found["settings"].items()}
    yield (
        f"## LightGBM's settings\n\n{found['trials']} trials, {found['cpu_seconds']:.0f} CPU "
        f"seconds, validation log loss {found['loss']:.4f}: "
        f"{', '.join(f'`{name}={value}`' for name, value in shown.items())}.\n"
    )


def _walk(found: Kept) -> Iterator[str]:
    first, last = (found["days"][n]["day"][:10] for n in (0, -1))
    yield WALK.format(first=first, last=last, **found)
    yield table(
        ["model", "ROC AUC", "log loss", "ECE", "mean prediction", "CPU s a fit"],
        [_model(name, m, found["fit_seconds"].get(name)) for name, m in found["models"].items()],
    )
    yield BETTER
    rows = [[n, *(_interval(d[m]) for m in d)] for n, d in found["better_than"].items()]
    yield table(["than", "log loss", "ROC AUC of a day"], rows)
    names = ("tabular", "tuned", "logistic", "base_rate")
    days = [
        [
            d["day"],
            f"{d['rows']:,}",
            f"{d['base_rate']:.3f}",
            *(f"{d['log_loss'][n]:.4f}" for n in names),
        ]
        for d in found["days"]
    ]
    yield table(["as_of", "rows", "bought", *names], days)
    yield _won(found["days"])


def _won(days: list[Kept]) -> str:
    """On which test days `tabular` has the lower log loss than tuned LightGBM."""
    lost = [d for d in days if d["log_loss"]["tabular"] >= d["log_loss"]["tuned"]]
    if not lost:
        return "`tabular` has the lower log loss than tuned LightGBM on every day.\n"
    return (
        f"`tabular` has the lower log loss than tuned LightGBM on {len(days) - len(lost)} of "
        f"{len(days)} days, not on {', '.join(d['day'][5:10] for d in lost)}.\n"
    )


def _model(name: str, found: Kept, seconds: float | None) -> Row:
    figures = [f"{found['roc_auc']:.4f}", f"{found['log_loss']:.4f}"]
    if seconds is not None:
        spread = (found["roc_auc_sd"], found["log_loss_sd"])
        figures = [f"{f} ± {sd:.4f}" for f, sd in zip(figures, spread, strict=True)]
    cpu = "" if seconds is None else f"{seconds:.1f}"
    return [name, *figures, f"{found['ece']:.4f}", f"{found['mean_prediction']:.3f}", cpu]


def _features(found: Kept) -> Iterator[str]:
    yield FEATURES
    rows = [
        [
            name,
            str(each["features"]),
            f"{each['rows']:,}",
            f"{each['base_rate']:.1%}",
            f"{each['roc_auc']:.4f}",
            f"{each['log_loss']:.4f}",
        ]
        for name, each in found["figures"].items()
    ]
    yield table(["features", "columns", "test rows", "bought", "ROC AUC", "log loss"], rows)
    better = found["better_than_quick"]
    yield (
        f"The platform's are better than the quick ones by {_interval(better['log_loss'])} in log "
        f"loss and {_interval(better['roc_auc'])} in ROC AUC of a day.\n"
    )


def _tasks(found: Kept) -> Iterator[str]:
    yield TASKS
    for name, each in found.items():
        metrics = [m for m in each["models"]["tabular"] if m != "rows"]
        rows = [[n, *(f"{of[m]:.4f}" for m in metrics)] for n, of in each["models"].items()]
        yield table([name, *(m.replace("_", " ") for m in metrics)], rows)
        better = _interval(each["better_by"])
        yield f"`tabular` is better than tuned LightGBM by {better} in {each['metric']}.\n"


def _simulated(found: list[Kept]) -> Iterator[str]:
    yield SIMULATED
    names = list(found[0]["gains"])
    rows = [
        [
            f"{e['train_rows']:,}",
            *(f"{e['gains'][n]['mean']:.1%} ± {e['gains'][n]['sd']:.1%}" for n in names),
        ]
        for e in found
    ]
    yield table(["training rows", *names], rows)


def _interval(found: Kept) -> str:
    return f"{found['mean']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


SECTIONS: dict[str, Callable[[Any], Iterator[str]]] = {
    "walk": _walk,
    "tuning": _tuning,
    "features": _features,
    "tasks": _tasks,
    "simulated": _simulated,
}

GOALS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "walk": _walk_goals,
    "features": _features_goals,
    "tasks": _tasks_goals,
    "simulated": _simulated_goals,
    "duration": _duration_goals,
    "speed": _speed_goals,
}

if __name__ == "__main__":
    main()
