"""What Dagster's steps of daily work cost above the work itself, on its in-process executor.

    python -m bench.speed.steps [--quick]

A month of a small shop is loaded; then its last day's job `daily` (raw rows, views, features) and
job `decision` run as `leeway run` runs them. The work is timed inside them (taking files in, the
decision) or is done again by itself (dbt's commands, with the same arguments and environment).
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any

import typer

from bench.speed.child import Timer, alone
from bench.speed.loading import landed
from bench.speed.shop import START, finish

LAST = START + timedelta(days=29)
ROUNDS, QUICK_ROUNDS = 3, 2
STEPS = {"daily": 3, "repeat_purchase_decision": 1}


def main(quick: bool = False) -> None:
    """Measure it."""
    finish("steps", measured(QUICK_ROUNDS if quick else ROUNDS), quick=quick)


def measured(rounds: int) -> dict[str, Any]:
    """Seconds of each job's run and of its work, and what one of its steps costs above it."""
    with tempfile.TemporaryDirectory() as folder:
        home = {"LEEWAY_HOME": folder}
        alone(landed, home, folder=folder)
        return alone(daily_work, home, rounds=rounds).found


def daily_work(_timer: Timer, rounds: int) -> dict[str, Any]:
    """Load all days but the last, then run the last one's jobs again and again."""
    from dagster import DagsterInstance, RunRequest

    from definitions import build
    from launch import launch
    from plan import over
    from resources.settings import settings

    definitions, instance = build(settings()), DagsterInstance.get()
    before = LAST - timedelta(days=1)
    for request in (
        RunRequest(job_name="views"),
        over("ingest", START, before),
        over("features", START, before),
    ):
        launch(definitions, instance, request)
    work = Work()
    found = {}
    for job, steps in STEPS.items():
        taken = [
            work.of(lambda job=job: launch(definitions, instance, over(job, LAST, LAST)))
            for _ in range(rounds)
        ]
        seconds = median(whole for whole, _ in taken)
        above = median((whole - own) / steps for whole, own in taken)
        found[job] = {"seconds": seconds, "steps": steps, "above_work_per_step": above}
    return found


class Work:
    """Seconds that the library calls of a run take."""

    def __init__(self) -> None:
        from dagster_dbt import DbtCliInvocation

        import ingestion.take_in
        from lifecycle import deciding, feature_versions, live, predictions, rollback, tested

        called = {
            "take_in": ingestion.take_in,
            "require_columns": live,
            "keep": feature_versions,
            "untested": tested,
            "withdraw": predictions,
            "by_rule": rollback,
            "decide": deciding,
        }
        self.seconds, self.commands = 0.0, []
        for name, module in called.items():
            setattr(module, name, self._timed(getattr(module, name)))
        started = DbtCliInvocation.run

        def run(*_: Any, **told: Any) -> DbtCliInvocation:
            self.commands.append(
                {"args": told["args"], "env": told["env"], "cwd": told["project_dir"]}
            )
            return started(**told)

        DbtCliInvocation.run = run

    def of(self, run: Callable[[], object]) -> tuple[float, float]:
        """Return the seconds of a run and those of its work."""
        self.seconds, self.commands = 0.0, []
        begun = time.perf_counter()
        run()
        whole = time.perf_counter() - begun
        for command in self.commands:
            with self._counted():
                subprocess.run(**command, capture_output=True, check=True)
        return whole, self.seconds

    def _timed(self, function: Callable) -> Callable:
        def timed(*arguments: Any, **named: Any) -> Any:
            with self._counted():
                return function(*arguments, **named)

        return timed

    @contextmanager
    def _counted(self) -> Any:
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun


if __name__ == "__main__":
    typer.run(main)
