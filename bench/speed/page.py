"""docs/benchmarks.md from what the parts have kept: a goal beside every figure.

python -m bench.speed.page
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Mapping

import psutil

from bench.results import ROOT
from bench.speed.goals import GB, GOALS, Found
from bench.speed.shop import SPEED_RESULTS
from bench.tables import GOAL_HEADS, Row, stamps, table

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
NOT_YET = "Not measured.\n"


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


def goals_of(name: str, found: Mapping[str, Found]) -> list[Row]:
    """A part's goals, each beside its figure."""
    if name not in found:
        return [[KNOWN[name], "", "not measured", ""]]
    return list(GOALS[name](found[name]))


def machine() -> str:
    """Return what the figures were measured on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / GB
    python = f"Python {platform.python_version()}"
    return f"{platform.machine()}, {cores} cores, {memory:.0f} GB, {python}, {versions}"


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
