"""What a part of the bench is measured for: its goals, each beside its figure."""

from collections.abc import Callable, Iterator
from typing import Any

from bench.tables import Row, row

GB = 1 << 30
Found = dict[str, Any]


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
