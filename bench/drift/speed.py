"""How long a drift check takes: from rows, beside Evidently's preset, and from stored sketches.

python -m bench.drift.speed, with nothing else running
"""

import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

import ledger
from bench.results import DRIFT_RESULTS
from lifecycle import sketches
from ml.calibration import calibrate
from ml.drift import measure
from ml.feature_alarm import check
from ml.sketch import DAILY, sketch_table
from resources.lake import Lake

ROWS, COLUMNS, SPAN, WIDTH = 1_000_000, 21, 365, 50


@dataclass(frozen=True)
class Check:
    """Seconds of wall clock and CPU, bytes, and the largest difference between scores."""

    rows: int
    ours: float
    ours_cpu: float
    kept: int
    preset: float
    preset_cpu: float
    difference: float


def measured(rows: int = ROWS) -> Check:
    """Compare a day with a reference of as many rows."""
    before, now = table(0, 0.0, rows), table(1, 0.2, rows)
    reference = sketch_table(before)
    measure(reference, reference)  # loads Evidently
    ours, ours_cpu, report = timed(lambda: measure(reference, sketch_table(now)))
    kept = sketch_table(now, DAILY)
    daily = measure(sketch_table(before, DAILY), kept)
    preset, preset_cpu, exact = timed(lambda: preset_scores(before, now))
    scores = [{c.column: c.score for c in found.columns} for found in (report, daily)]
    differences = [abs((found[n] or 0.0) - exact[n]) for found in scores for n in exact]
    size = sum(8 * (len(c.points) + len(c.counts) + 5) for c in kept.values())
    return Check(rows, ours, ours_cpu, size, preset, preset_cpu, max(differences))


def table(seed: int, shift: float, rows: int) -> pa.Table:
    """One day: 18 numbers, two categories, a count."""
    random = np.random.default_rng(seed)
    columns = {f"n{i:02d}": random.normal(shift * (i % 3), 1 + i, rows) for i in range(COLUMNS - 3)}
    levels = random.integers(0, 6, (2, rows)) + (random.random((2, rows)) < shift)
    categories = {f"c{i}": pa.array(levels[i].astype(str)) for i in range(2)}
    return pa.table({**columns, **categories, "count": random.poisson(3 + shift, rows)})


def timed(work: Callable) -> tuple:
    """Seconds of wall clock and CPU, and the result."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = work()
    return time.perf_counter() - wall, cpu_seconds() - cpu, result


def cpu_seconds() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def preset_scores(before: pa.Table, now: pa.Table) -> dict[str, float]:
    """Evidently's preset on the rows themselves, with our named methods."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [n for n in before.column_names if not n.startswith("c") or n == "count"]
    categories = [n for n in before.column_names if n not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    sides = [Dataset.from_pandas(side.to_pandas(), definition) for side in (now, before)]
    preset = DataDriftPreset(num_method="leeway_wasserstein", cat_method="jensenshannon")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Report([preset]).run(*sides).dict()["metrics"]
    return {m["config"]["column"]: float(m["value"]) for m in found if "column" in m["config"]}


def stored_span() -> tuple[float, float]:
    """Seconds to calibrate on and check 365 days x 50 columns from sketches in a lake."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        lake = Lake(catalog=f"sqlite:{folder}/c.sqlite", data=f"{folder}/data/", threads=2)
        ledger.prepare(lake)
        days = [date(2023, 1, 2) + timedelta(days=n) for n in range(SPAN)]
        fill(lake, days)
        source = sketches.Source("features", "wide", "day", ("day", "entity"))
        sketches.of_days(lake, source, days)
        wall, cpu, _ = timed(lambda: whole_check(lake, source, days))
        return wall, cpu


def fill(lake: Lake, days: list[date]) -> None:
    """A features table of 300 rows a day and 50 columns."""
    random = np.random.default_rng(0)
    rows = 300 * len(days)
    columns = {f"n{i:02d}": random.normal(size=rows) for i in range(WIDTH)}
    keys = {"day": np.repeat(np.array(days, "datetime64[D]"), 300), "entity": np.arange(rows)}
    new = pa.table({**keys, **columns})

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("new_rows", new)
        connection.execute("create table features.wide as select * from new_rows")

    lake.transact(write)


def whole_check(lake: Lake, source: sketches.Source, days: list[date]) -> None:
    """Read a year of sketches and compare its days with its first quarter."""
    found = sketches.of_days(lake, source, days)
    known = calibrate({day: found[day] for day in days[:84]})
    for last in range(84 + 56, SPAN, 56):
        check(known, {day: found[day] for day in days[last - 56 : last]})


if __name__ == "__main__":
    span, span_cpu = stored_span()
    DRIFT_RESULTS.keep("speed", {**vars(measured()), "span": span, "span_cpu": span_cpu})
