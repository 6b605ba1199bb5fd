"""Run policies over a history, each in a process of its own, and gather what they did."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial

from ml.errors import ReplayError
from ml.replay.adaptive import Adaptive
from ml.replay.outcome import Outcome
from ml.replay.plan import Plan
from ml.replay.scheduled import SCHEDULES, Scheduled
from ml.replay.version import cpu_seconds
from ml.replay.world import World

ADAPTIVE = "adaptive"
POLICIES = (ADAPTIVE, *SCHEDULES)


def known(policies: Sequence[str]) -> Sequence[str]:
    """Return the policies; raises ReplayError for one that does not exist, or is named twice."""
    for n, name in enumerate(policies):
        if name not in POLICIES:
            raise ReplayError(f"policy {name!r} is not known: use {', '.join(POLICIES)}")
        if name in policies[:n]:
            raise ReplayError(f"policy {name!r} is named twice: name each once")
    return policies


def span(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`; raises ReplayError where there is none."""
    if last < first:
        raise ReplayError(f"the last day {last} is before the first, {first}: swap them")
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def replay(
    world: World, plan: Plan, policies: Sequence[str], days: Sequence[date], processes: int = 2
) -> list[Outcome]:
    """Replay every policy on `days`, ascending, in the order of `policies`.

    All of them begin with the model that the gate lets in first. Raises ReplayError for an unknown
    policy, where no model was ever good enough, and where none has lived through a labelled day.
    """
    spawned = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(min(processes, len(policies)), spawned) as pool:
        return list(pool.map(partial(run, world, plan, days), known(policies)))


def run(world: World, plan: Plan, days: Sequence[date], policy: str) -> Outcome:
    """Replay one policy over `days`, in order."""
    began = cpu_seconds()
    production = Adaptive(world, plan)
    state: Adaptive | Scheduled = production
    for day in days:
        state.day(day)
        if state is production and policy != ADAPTIVE and production.reigns.live:
            state = Scheduled(world, plan, policy, production.reigns.live)
    if production.reigns.live is None:
        tried = production.trainings[-1].why if production.trainings else "too few rows matured"
        raise ReplayError(
            f"no model was good enough from {days[0]} to {days[-1]}, the last attempt: {tried}: "
            "begin earlier or lower train.min_rows"
        )
    if not state.reigns.days:
        raise ReplayError(
            f"the first model of {days[0]} to {days[-1]} is of {state.reigns.since}, and no day "
            "after it has labels that have matured: begin earlier or end later"
        )
    return state.outcome(cpu_seconds() - began)
