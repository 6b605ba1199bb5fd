"""What retraining policies cost and gain on streams whose drift is known, label delay included.

    python -m bench.drift.policies --seeds 10 [--stream flip] [--delay 7]

`leeway replay` runs every policy with the same small model over the same rows. Regret is the mean
log loss against daily retraining without a gate. An alarm is true within eight weeks of a drift.
What has been measured of the same code is kept, so a run that was ended goes on.
"""

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from rich.console import Console
from scipy.special import expit

from bench.drift import clairvoyant
from bench.results import DRIFT_RESULTS
from ml.replay.outcome import Outcome
from ml.replay.plan import Plan
from ml.replay.replay import run, span
from ml.replay.table import since
from ml.replay.world import World
from ml.schema import Floats, Schema
from ml.sketch import DAILY, sketch_table
from ml.splits import Windows
from ml.tabular import TrainConfig
from ml.verdict import GatePolicy

START, DAYS, ENTITIES = date(2024, 1, 1), 270, 300
DRIFT = 150  # day on which what drifts abruptly does
COLUMNS = tuple(f"x{n}" for n in range(6))
POLICIES = ("adaptive", "weekly", "monthly", "daily", "never")
CLAIRVOYANT = "clairvoyant"  # on streams that change from one day to the next
TRUE_WITHIN = timedelta(days=56)
# log-odds of label 1 from features [rows, 6] and the day of each row
Rule = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Stream:
    """A rule that may change, features that may shift, and on which days the rule changes."""

    rule: Rule
    drifts: tuple[int, ...] = ()
    shift: bool = False  # of features, at DRIFT, which the rule does not mind


@dataclass(frozen=True)
class Measured:
    """One policy on one stream, label delay and seed."""

    stream: str
    delay: int
    seed: int
    policy: str
    loss: float
    trainings: int
    deployments: int
    worse: int
    rollbacks: int
    alarms: int
    true_alarms: int
    days_to_alarm: int | None
    seconds: float


def base(x: Floats) -> Floats:
    """Two kinks and an interaction: no straight line, learned from some thousand rows."""
    return 1.2 - 1.6 * np.abs(x[:, 0]) + 0.8 * x[:, 1] + 0.6 * x[:, 2] * (x[:, 3] > 0)


def turned(x: Floats, day: Floats) -> Floats:
    """The rule turns around."""
    return np.where(day >= DRIFT, -base(x), base(x))


def recurring(x: Floats, day: Floats) -> Floats:
    """Turns around every 60 days and back."""
    return np.where((day >= 90) & ((day - 90) // 60 % 2 == 0), -base(x), base(x))


def moving(x: Floats, day: Floats) -> Floats:
    """The weights of two features change places over half a year."""
    angle = np.clip((day - 60) / 180, 0, 1) * np.pi / 2
    return 0.4 + 1.8 * (np.cos(angle) * x[:, 0] + np.sin(angle) * x[:, 1]) - np.abs(x[:, 2])


def sea(x: Floats, day: Floats) -> Floats:
    """Street and Kim (2001): two features against a threshold that changes four times, noisy."""
    threshold = np.array([0.0, 1.0, -0.5, 0.8, -0.2])[np.minimum(day // 54, 4).astype(int)]
    return np.where(x[:, 0] + x[:, 1] <= threshold, 2.2, -2.2)


STREAMS = {
    "null": Stream(lambda x, _: base(x)),
    "benign shift": Stream(lambda x, _: base(x), shift=True),
    "flip": Stream(turned, (DRIFT,)),
    "recurring": Stream(recurring, (90, 150, 210)),
    "gradual": Stream(moving, (60,)),
    "SEA": Stream(sea, (54, 108, 162, 216)),
}
ABRUPT = ("flip", "recurring", "SEA")

Job = tuple[str, int, int, str]  # stream, days until labels mature, seed, policy


def main(
    seeds: Annotated[int, typer.Option(min=1)] = 10,
    stream: Annotated[list[str] | None, typer.Option(help="all by default")] = None,
    delay: Annotated[list[int] | None, typer.Option(help="days until labels mature")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="all by default")] = None,
    add: Annotated[bool, typer.Option(help="only what no code has measured yet")] = False,
) -> None:
    """Replay every stream, delay, seed and policy, and keep what came of it."""
    now, before = (
        DRIFT_RESULTS.stamp(),
        DRIFT_RESULTS.kept("policies") or {"found": [], "cpu_minutes": 0.0},
    )
    asked = policy or (*POLICIES, CLAIRVOYANT)
    found = [
        each
        for each in before["found"]
        if add or each["code"] == now["code"] or each["policy"] not in asked
    ]
    spent = before["cpu_minutes"] if found else 0.0
    known = {tuple(each[name] for name in ("stream", "delay", "seed", "policy")) for each in found}
    jobs = [
        (name, days, seed, each)
        for days in delay or (7, 1, 14)
        for seed in range(seeds)
        for name in stream or STREAMS
        for each in asked
        if (name, days, seed, each) not in known and (each != CLAIRVOYANT or name in ABRUPT)
    ]
    for outcome in in_processes(jobs):
        found.append({**asdict(outcome), "code": now["code"], "commit": now["commit"]})
        spent += outcome.seconds / 60
        DRIFT_RESULTS.keep("policies", found, spent)
        Console(stderr=True).print(outcome)


def in_processes(jobs: Iterable[Job]) -> Iterable[Measured]:
    """What came of every job, two at a time."""
    spawned = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(2, spawned) as pool:
        yield from pool.map(measure, jobs)


def measure(job: Job) -> Measured:
    """Replay a policy on a stream; every policy begins with the same first model."""
    name, delay, seed, policy = job
    lived, declared = world(STREAMS[name], delay, seed), plan(delay, seed)
    days = span(START, START + timedelta(DAYS - 1))
    if policy == CLAIRVOYANT:
        changes = [START + timedelta(day) for day in STREAMS[name].drifts]
        outcome = clairvoyant.run(lived, declared, days, changes)
    else:
        outcome = run(lived, declared, days, policy)
    return measured(name, delay, seed, outcome, since([outcome]))


def measured(name: str, delay: int, seed: int, outcome: Outcome, begin: date) -> Measured:
    """Compare a policy's alarms with the drifts that there were."""
    drifts = [START + timedelta(day) for day in STREAMS[name].drifts]
    delays = [
        (alarm.day - drift).days
        for alarm in outcome.alarms
        for drift in drifts
        if drift <= alarm.day <= drift + TRUE_WITHIN
    ]
    return Measured(
        name, delay, seed, outcome.policy, outcome.mean_loss(begin), len(outcome.trainings),
        len(outcome.deployments), sum(d.is_worse for d in outcome.deployments),
        len(outcome.rollbacks), len(outcome.alarms), len(delays), min(delays, default=None),
        outcome.seconds,
    )  # fmt: skip


def plan(delay: int, seed: int) -> Plan:
    """The declaration of every replay."""
    return Plan(
        windows=Windows(delay, test_days=14, recent_days=28),
        estimator="small",
        config=TrainConfig(seed=seed),
        window_days=84,
        every_days=2,
        min_rows=6000,
        gate=GatePolicy(min_rows=500, seed=seed),
    )


def world(stream: Stream, delay: int, seed: int) -> World:
    """Rows of every entity on every day; features stay near an entity's own level."""
    rng = np.random.default_rng([seed, delay])
    level = rng.normal(size=(1, ENTITIES, len(COLUMNS)))
    x = 0.6 * level + 0.8 * rng.normal(size=(DAYS, ENTITIES, len(COLUMNS)))
    if stream.shift:
        x[DRIFT:, :, 4:] += 1.0  # columns that the rule does not use
    x = x.reshape(-1, len(COLUMNS))
    day = np.repeat(np.arange(DAYS), ENTITIES).astype(float)
    shock = 0.15 * rng.normal(size=DAYS)[day.astype(int)]
    labels = rng.random(len(day)) < expit(stream.rule(x, day) + shock)
    dates = np.datetime64(START) + day.astype("timedelta64[D]")
    rows = pa.table(
        {
            "entity": np.tile([f"e{n:03}" for n in range(ENTITIES)], DAYS),
            "as_of": pa.array(dates, pa.date32()),
            "label": labels.astype(np.int32),
            **{name: x[:, n] for n, name in enumerate(COLUMNS)},
        }
    )
    schema = Schema("entity", "as_of", "label", COLUMNS, ())
    parts = {START + timedelta(n): rows.slice(n * ENTITIES, ENTITIES) for n in range(DAYS)}
    features = {d: sketch_table(part.select(list(COLUMNS)), DAILY) for d, part in parts.items()}
    seen = {d: sketch_table(part.select(["label"]), DAILY) for d, part in parts.items()}
    return World(rows, schema, delay, features, seen)


if __name__ == "__main__":
    typer.run(main)
