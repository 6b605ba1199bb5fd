"""Run policies over a history, each in a process of its own, and gather what they did."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta

from ml.errors import ReplayError
from ml.replay.adaptive import Adaptive
from ml.replay.outcome import Outcome
from ml.replay.plan import Plan
from ml.replay.scheduled import SCHEDULES, Scheduled
from ml.replay.version import cpu_seconds
from ml.replay.world import World

ADAPTIVE = "adaptive"
POLICIES = (ADAPTIVE, *SCHEDULES)


def replay(
    world: World, plan: Plan, policies: Sequence[str], first: date, last: date, processes: int = 2
) -> list[Outcome]:
    """Replay every policy from `first` to `last`, in the order of `policies`.

    All of them begin with the model that the gate lets in first. Raises ReplayError for an unknown
    policy and where no model was ever good enough.
    """
    unknown = [name for name in policies if name not in POLICIES]
    if unknown:
        raise ReplayError(f"policy {unknown[0]!r} is not known: use {', '.join(POLICIES)}")
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    with shared(world, plan, days):
        forked = multiprocessing.get_context("fork")  # the rows are not copied
        with ProcessPoolExecutor(min(processes, len(policies)), forked) as pool:
            return list(pool.map(_run, policies))


def run(world: World, plan: Plan, policy: str, days: Sequence[date]) -> Outcome:
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
    return state.outcome(cpu_seconds() - began)


_SHARED: list[tuple[World, Plan, Sequence[date]]] = []


@contextmanager
def shared(world: World, plan: Plan, days: Sequence[date]) -> Iterator[None]:
    """Keep what forked processes inherit."""
    _SHARED.append((world, plan, days))
    yield
    _SHARED.clear()


def _run(policy: str) -> Outcome:
    world, plan, days = _SHARED[0]
    return run(world, plan, policy, days)
