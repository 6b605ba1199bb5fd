"""A real shop: what four policies do in two years.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.drift.real

Reads the features and labels that `leeway run` has built from Online Retail II.
"""

from dataclasses import asdict
from datetime import date
from time import perf_counter

from bench.results import DRIFT_RESULTS
from ml.replay.outcome import Outcome
from ml.replay.plan import Plan
from ml.replay.replay import replay, span
from ml.replay.table import HEADINGS, rows, since
from ml.replay.world import World

FIRST, LAST = date(2009, 12, 1), date(2011, 12, 9)
POLICIES = ("adaptive", "weekly", "monthly", "never")
ESTIMATOR = "small"


def shop() -> tuple[World, Plan]:
    """The shop's rows and declaration."""
    from lifecycle.replaying import plan_of, world_of
    from state import opened

    lake, declaration = opened()
    [model] = [each for each in declaration.models if each.name == "repeat_purchase"]
    return world_of(lake, model, FIRST, LAST), plan_of(model, ESTIMATOR, threads=1)


def of_years(world: World, plan: Plan) -> dict[str, object]:
    """Two years under four policies, as `leeway replay` would show them."""
    began = perf_counter()
    done: list[Outcome] = replay(world, plan, POLICIES, span(FIRST, LAST))
    return {
        "headings": HEADINGS,
        "rows": rows(done),
        "since": since(done),
        "estimator": plan.estimator,
        "seconds": perf_counter() - began,
        "cpu_seconds": sum(outcome.seconds for outcome in done),
        "alarms": [asdict(alarm) for outcome in done for alarm in outcome.alarms],
        "incidents": [day for outcome in done for day in outcome.incidents],
    }


if __name__ == "__main__":
    DRIFT_RESULTS.keep("real", of_years(*shop()))
