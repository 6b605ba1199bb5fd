"""The page and the plot of what `main.py` has measured."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

GOALS = {"200/0.06/0.5": 2, "1000/0.06/0.5": 1, "5000/0.06/0.5": 1}
USUAL = "1000/0.06/0.5"
HEAD = """# Drift checks, measured

`make bench-drift` wrote this page: commit {commit}{changed}, {machine},
{seeds} seeds, {cpu_minutes:.0f} CPU minutes. Streams (`bench/drift/streams.py`): 20 columns, a
reference of 84 days, then a year. Levels of days wander (sd of days in shares of the rows'
sd, correlation with the day before); weekends and holidays differ. An alarm is a check that
would start a training; for seven days after it none counts.
"""


def written(results: dict, out: Path) -> None:
    """Write `benchmarks-drift.md` and `images/drift-alarms.png` under `out`."""
    changed = " with changes" if results["changed"] else ""
    sections = [
        HEAD.format(**{**results, "changed": changed}),
        false_alarms(results),
        delays(results),
        peers(results),
        faults(results),
        speed(results["speed"]),
    ]
    (out / "benchmarks-drift.md").write_text("\n".join(sections))
    plot(results, out / "images" / "drift-alarms.png")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def mean(values: list) -> float:
    """The mean of a list."""
    return sum(values) / len(values)


def days(value: float | None) -> str:
    """Days as a number, a dash where there are none."""
    return "-" if value is None else f"{value:.0f}"


def delay(found: dict | None) -> list[str]:
    """Median, 90 % quantile and share missed."""
    if found is None:
        return ["", "", ""]
    return [days(found["median"]), days(found["p90"]), f"{found['missed']:.1%}"]


def false_alarms(results: dict) -> str:
    """Years in which nothing drifts."""
    rows = [
        [
            *key.split("/"),
            f"{mean(world['alarms']):.1f}",
            f"<= {GOALS[key]}" if key in GOALS else "no goal",
            f"{mean(world['false_incidents']):.1f}",
            *delay(world["delays"].get("1/0.3/abrupt")),
        ]
        for key, world in results["worlds"].items()
    ]
    head = [
        "rows a day",
        "sd of days up to",
        "false alarms a year",
        "goal",
        "false incidents a year",
    ]
    return "## Years without drift\n\n" + table(head, rows)


def delays(results: dict) -> str:
    """Days until a drift is found."""
    world = results["worlds"][USUAL]["delays"]
    rows = []
    for key, found in world.items():
        goal = "median <= 4, p90 <= 7, missed <= 2 %" if key == "1/0.3/abrupt" else ""
        rows.append([*key.split("/"), *delay(found), goal])
    head = ["columns of 20", "shift, sd", "how", "median days", "p90", "missed in 28", "goal"]
    return "## Days until a drift is found, 1,000 rows a day\n\n" + table(head, rows)


def peers(results: dict) -> str:
    """The usual rules on the same streams."""
    ours = results["worlds"][USUAL]
    found = {
        "Leeway": {"alarms": ours["alarms"], "delays": ours["delays"]["1/0.3/abrupt"]},
        **results["peers"],
    }
    rows = [
        [
            rule,
            f"{mean(r['alarms']):.1f}",
            *delay(r["delays"]),
        ]
        for rule, r in found.items()
    ]
    head = ["rule", "false alarms a year", "median days to 0.3 sd in one column", "p90", "missed"]
    text = (
        "\nThe most that can be counted is 53 a year. A rule that is always up finds everything on "
        "the first day.\n\n![False alarms and delays](images/drift-alarms.png)\n"
    )
    return "## Beside the usual rules, 1,000 rows a day\n\n" + table(head, rows) + text


def faults(results: dict) -> str:
    """Broken days."""
    rows = [
        [fault, rows_a_day, f"{mean(found):.1%}", "100 %"]
        for rows_a_day in ("200", "1000", "5000")
        for fault, found in results["worlds"][f"{rows_a_day}/0.06/0.5"]["faults"].items()
    ]
    head = ["fault of one column", "rows a day", "found the same day", "goal"]
    return "## Broken days\n\n" + table(head, rows)


def speed(found: dict) -> str:
    """Times."""
    factor = found["preset"] / found["ours"]
    rows = [
        ["check from rows, wall", f"{found['ours']:.2f} s", "<= 1 s"],
        ["check from rows, CPU", f"{found['ours_cpu']:.2f} s", ""],
        ["Evidently's preset on the same rows, wall", f"{found['preset']:.1f} s", ""],
        ["times faster, wall", f"{factor:.0f}", ">= 50"],
        ["largest difference of a score", f"{found['difference']:.4f}", "<= 0.01"],
        ["kept of a day", f"{found['kept'] / 1000:.0f} kB", "<= 50 kB"],
        ["365 days x 50 columns from stored sketches", f"{found['span']:.1f} s", "<= 5 s"],
        ["the same, CPU", f"{found['span_cpu']:.1f} s", ""],
    ]
    title = f"## Time, {found['rows']:,} rows x 21 columns\n\n"
    return title + table(["what", "measured", "goal"], rows)


def plot(results: dict, path: Path) -> None:
    """False alarms against median delay of every rule."""
    ours = results["worlds"][USUAL]
    found = {
        "Leeway": (mean(ours["alarms"]), ours["delays"]["1/0.3/abrupt"]["median"]),
        **{n: (mean(r["alarms"]), r["delays"]["median"]) for n, r in results["peers"].items()},
    }
    figure = Figure(figsize=(6, 3.2), dpi=80, layout="tight")
    axes = figure.subplots()
    for rule, (alarms, median) in found.items():
        y = 29 if median is None else median
        axes.plot(alarms, y, "o", label=f"{rule}{' (missed)' if median is None else ''}")
    axes.axhline(4, linewidth=0.5, color="grey")
    axes.axvline(1, linewidth=0.5, color="grey")
    axes.set(xlabel="false alarms a year", ylabel="median days to 0.3 sd", xlim=(-2, 55))
    axes.legend(fontsize=7)
    path.parent.mkdir(exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
