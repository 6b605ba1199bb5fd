"""docs/benchmarks.md from what the parts have kept: a goal beside every figure.

python -m bench.speed.page
"""

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from bench.results import ROOT
from bench.speed.shop import SPEED_RESULTS
from bench.tables import GOAL_HEADS, Row, row, stamps, table

PAGE = ROOT / "docs" / "benchmarks.md"
PARTS = {
    "simulate": "large dumps",
    "ingest": "files taken in",
    "features": "365 days of features",
    "growth": "one more day after years",
    "daily": "a day of everything",
    "steps": "a Dagster step above its work",
    "loading": "the code location",
    "drift": "a drift check",
    "training": "training and scoring",
}
LONG = {"real": "two years of the real shop", "large": "thirty million lines"}  # an hour and more
KNOWN = PARTS | LONG
SLOW = ("growth", "daily", "steps")  # no size makes these quick: they need a history, a live model
VERSIONS = (
    "dagster",
    "pyspark",
    "duckdb",
    "dbt-core",
    "dbt-duckdb",
    "pandera",
    "evidently",
    "torch",
)
GB = 1 << 30
NOT_YET = "Not measured.\n"
Found = dict[str, Any]


def main() -> None:
    """Write the page."""
    parts = {name: kept for name in KNOWN if (kept := SPEED_RESULTS.kept(name))}
    found = {name: kept["found"] for name, kept in parts.items()}
    goals = [line for name in GOALS for line in goals_of(name, found)]
    words = (ROOT / "bench" / "speed" / "page.md").read_text()
    PAGE.write_text(
        words.format(
            goals=table(GOAL_HEADS, goals),
            costs=table(["work", "seconds", "peak memory"], list(costs(found))),
            real=of_run(found["real"]) if "real" in found else NOT_YET,
            large=of_run(found["large"]) if "large" in found else NOT_YET,
            stamps=stamps(KNOWN, parts, cpu=False),
            machine=machine(),
            took=took(),
        )
    )


def took() -> str:
    """Say how long all parts but the long ones took when they last ran by one command."""
    if kept := SPEED_RESULTS.kept("all"):
        return f"took {kept['found']['seconds'] / 60:.1f} minutes (goal: 20) at {kept['commit']}"
    return "has not run as a whole yet (goal: 20 minutes)"


def goals_of(name: str, found: Found) -> list[Row]:
    """A part's goals, each beside its figure."""
    return (
        list(GOALS[name](found[name])) if name in found else [[KNOWN[name], "", "not measured", ""]]
    )


def machine() -> str:
    """Return what the figures were measured on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / GB
    python = f"Python {platform.python_version()}"
    return f"{platform.machine()}, {cores} cores, {memory:.0f} GB, {python}, {versions}"


def at_least(measure: str, goal: float, ratio: float) -> Row:
    """A ratio that should be large."""
    return row(measure, f"≥ {goal} ×", f"{ratio:.2f} ×", ratio >= goal)


def at_most(measure: str, goal: float, figure: float, unit: str = " ×") -> Row:
    """A figure that should be small."""
    return row(measure, f"≤ {goal}{unit}", f"{figure:.2f}{unit}", figure <= goal)


def simulated(found: Found) -> Iterator[Row]:
    """Lines a second."""
    rate = found["lines_per_second"] / 1e6
    what = "`leeway simulate --scale`, 10 million lines"
    yield row(what, "≥ 1 million lines/s", f"{rate:.2f} million lines/s", rate >= 1)


def ingested(found: Found) -> Iterator[Row]:
    """Beside a copy and beside pandas."""
    rates = {name: side["lines_per_second"] for name, side in found.items()}
    what = "ingest of 10 million lines: speed, of a plain Spark copy of the same files"
    yield at_least(what, 0.5, rates["ours"] / rates["copy"])
    what = "the same, of Pandera on pandas in one process"
    yield at_least(what, 2, rates["ours"] / rates["pandas"])


def built(found: Found) -> Iterator[Row]:
    """Beside a query by hand."""
    what = "features of 365 days in range runs: time, of one hand-written DuckDB query"
    yield at_most(what, 1.3, found["ratio"])


def grown(found: Found) -> Iterator[Row]:
    """After years."""
    what = "features of one more day: time after 5 years of history, of that after 1"
    yield at_most(what, 1.1, found["ratio_of_seconds"])
    what = "its peak memory while history grows 10 ×"
    yield at_most(what, 1.1, found["ratio_of_peaks"])


def worked(found: Found) -> Iterator[Row]:
    """A day of everything."""
    what = "a daily run of everything in one process: time, of the same work in one script"
    yield at_most(what, 1.25, found["ratio"])


def stepped(found: Found) -> Iterator[Row]:
    """Above the work."""
    above = max(job["above_work_per_step"] for job in found.values())
    yield at_most("a Dagster step of a daily run above its work", 0.5, above, " s")


def loaded(found: Found) -> Iterator[Row]:
    """The code location."""
    what = (
        "loading the code location: time, of one asset that imports dagster-dbt and dagster-pyspark"
    )
    yield at_most(what, 1.2, found["ratio"]["seconds"])


def drifted(found: Found) -> Iterator[Row]:
    """Beside Evidently's preset."""
    ratio, cpu = found["preset"] / found["ours"], found["preset_cpu"] / found["ours_cpu"]
    what = "drift check 1,000,000 × 21 against a kept reference: speed, of Evidently's preset"
    yield row(what, "≥ 50 ×", f"{ratio:.0f} × ({cpu:.0f} × by CPU)", ratio >= 50)


def trained(found: Found) -> Iterator[Row]:
    """Beside bare PyTorch."""
    yield at_least("training: speed, of bare PyTorch", 0.9, found["loop"] / found["bare_loop"])
    ratio = found["scoring"] / found["bare_scoring"]
    yield at_least("batch scoring: speed, of bare PyTorch", 0.7, ratio)


def real(found: Found) -> Iterator[Row]:
    """The real shop."""
    minutes = found["seconds"] / 60
    yield at_most("two years of the real shop, `leeway run`", 8, minutes, " minutes")
    yield at_most("its peak memory", 4, found["peak"] / GB, " GB")


GOALS: dict[str, Callable[[Found], Iterator[Row]]] = {
    "simulate": simulated,
    "ingest": ingested,
    "features": built,
    "growth": grown,
    "daily": worked,
    "steps": stepped,
    "loading": loaded,
    "drift": drifted,
    "training": trained,
    "real": real,
}


def costs(found: Found) -> Iterator[list[str]]:
    """Yield time and peak memory of every side that ran in a process of its own."""
    for name, part in ((name, found[name]) for name in PARTS if name in found):
        for side, cost in {PARTS[name]: part, **part}.items():
            if isinstance(cost, dict) and cost.keys() >= {"seconds", "peak"}:
                what = side if side == PARTS[name] else f"{PARTS[name]}: {side.replace('_', ' ')}"
                yield [what, f"{cost['seconds']:.1f}", f"{cost['peak'] / GB:.2f} GB"]


def of_run(found: Found) -> str:
    """What all of `leeway run` took, and where its time went."""
    figures = {
        "lines": f"{found['lines']:,}",
        "rows of features and labels": f"{found['feature_rows']:,}",
        "decisions, versions gone live": f"{found['decisions']}, {found['champions']}",
        "run in": f"{found['seconds'] / 60:.0f} minutes",
        "peak memory": f"{found['peak'] / GB:.1f} GB",
    }
    if "dumps" in found:
        figures["dumps made in"] = f"{found['dumps']['seconds']:.0f} s"
    if "trainings" in found:  # older runs have not kept it
        figures["trainings"] = f"{found['trainings']}"
    tables = [table(["", ""], list(map(list, figures.items()))), seconds_of("runs", found["spent"])]
    if steps := found.get("training_steps"):
        tables.append(seconds_of("steps of trainings", steps))
    return "\n".join(tables)


def seconds_of(what: str, spent: dict[str, float]) -> str:
    """A table of seconds, the most first."""
    ordered = sorted(spent.items(), key=lambda each: -each[1])
    return table([what, "seconds"], [[name, f"{seconds:.0f}"] for name, seconds in ordered])


if __name__ == "__main__":
    main()
