"""Two years of the real shop by `leeway run`, from nothing: time, memory, and where the time goes.

    LEEWAY_REAL_DATA=... python -m bench.speed.real

LEEWAY_REAL_DATA is a folder with `order_lines/YYYY-MM-DD.csv.gz` of Online Retail II.
"""

import os
import tempfile
import time
from collections import Counter
from datetime import date
from typing import Any

import typer

from bench.speed.child import Timer, alone
from bench.speed.shop import finish

FIRST, LAST, QUICK_LAST = date(2009, 12, 1), date(2011, 12, 9), date(2010, 1, 31)
VARIABLE = "LEEWAY_REAL_DATA"
COUNTED = {
    "lines": "select sum(rows_read) as n from ledger.deliveries",
    "feature_rows": "select sum(rows) as n from ledger.partitions",
    "decisions": "select count(*) as n from ledger.decisions",
    "champions": "select count(*) as n from ledger.champions",
}


def main(quick: bool = False) -> None:
    """Run it in a fresh home; quick: two months of it."""
    if VARIABLE not in os.environ:
        print(f"real: left out, {VARIABLE} names no folder with the real shop's dumps")
        return
    with tempfile.TemporaryDirectory() as home:
        settings = {
            "LEEWAY_HOME": home, "LEEWAY_LANDING": os.environ[VARIABLE], "LEEWAY_PII_KEY": "bench",
            "LEEWAY_START": str(FIRST),
        }  # fmt: skip
        cost = alone(history, settings, first=FIRST, last=QUICK_LAST if quick else LAST)
    finish("real", {"seconds": cost.seconds, "peak": cost.peak, **cost.found}, quick=quick)


def history(timer: Timer, first: str, last: str) -> dict[str, Any]:
    """Run the span; returns seconds by kind of run, and what the loop did."""
    from history import load_history

    spent, begun = Counter(), [("start", time.perf_counter())]

    def tell(label: str) -> None:
        print(label, flush=True)
        kind, since = begun.pop()
        begun.append((kind_of(label), time.perf_counter()))
        spent[kind] += begun[0][1] - since

    with timer.running():
        work = load_history(date.fromisoformat(first), date.fromisoformat(last), tell)
        work.run()
    tell("end")
    found = {what: int(work.lake.rows(query)[0]["n"]) for what, query in COUNTED.items()}
    return {"spent": dict(spent), **trainings(work), **found}


def trainings(work: Any) -> dict[str, Any]:
    """How many there were, and their seconds by step."""
    from dagster import RunsFilter

    jobs = [f"{model.name}_training" for model in work.declaration.models]
    runs = [run for job in jobs for run in work.instance.get_runs(RunsFilter(job_name=job))]
    seconds = Counter()
    for step in (s for run in runs for s in work.instance.get_run_step_stats(run.run_id)):
        if step.start_time and step.end_time:
            seconds[step.step_key.split("__")[-1]] += step.end_time - step.start_time
    return {"trainings": len(runs), "training_steps": dict(seconds)}


def kind_of(label: str) -> str:
    """Return what a run is about: the last word after its model and day, else the first."""
    return label.split(": ")[-1] if ": " in label else label.split()[0]


if __name__ == "__main__":
    typer.run(main)
