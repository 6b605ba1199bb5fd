"""What retraining policies cost and gain on streams whose drift is known, label delay included.

    python bench/drift/policies.py --seeds 10 [--stream flip] [--json FILE]

`leeway replay` runs every policy with the same small model over the same rows. Regret is the mean
log loss against daily retraining without a gate. An alarm is true within eight weeks of a drift.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from ml.replay.outcome import Outcome
from ml.replay.plan import Plan
from ml.replay.replay import replay
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


def main(
    seeds: Annotated[int, typer.Option(min=1)] = 10,
    stream: Annotated[list[str] | None, typer.Option(help="all by default")] = None,
    delay: Annotated[list[int] | None, typer.Option(help="days until labels mature")] = None,
    out: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Replay every stream, delay and seed, and print means."""
    found: list[Measured] = []
    for name in stream or STREAMS:
        for days in delay or (1, 7, 14):
            for seed in range(seeds):
                found += measure(name, days, seed)
                Console(stderr=True).print(f"{name}, delay {days}, seed {seed}")
    Console(width=150).print(table(found))
    if out:
        out.write_text(json.dumps([asdict(each) for each in found], indent=1))


def measure(name: str, delay: int, seed: int) -> list[Measured]:
    """Replay every policy on one stream."""
    last = START + timedelta(DAYS - 1)
    outcomes = replay(world(STREAMS[name], delay, seed), plan(delay, seed), POLICIES, START, last)
    begin = since(outcomes)
    return [measured(name, delay, seed, outcome, begin) for outcome in outcomes]


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


def table(found: list[Measured]) -> Table:
    """Means over seeds, one row per stream, delay and policy."""
    shown = Table(title=f"{ENTITIES} rows a day, {DAYS} days; regret is against daily retraining")
    heads = ("stream", "delay", "policy", "loss", "regret", "trained", "deployed", "worse",
             "rolled back", "alarms", "true", "delay of alarm", "CPU s")  # fmt: skip
    for head in heads:
        shown.add_column(head, justify="left" if head in ("stream", "policy") else "right")
    for key in dict.fromkeys((m.stream, m.delay) for m in found):
        same = [m for m in found if (m.stream, m.delay) == key]
        daily = np.mean([m.loss for m in same if m.policy == "daily"])
        for policy in POLICIES:
            shown.add_row(*row(key, policy, [m for m in same if m.policy == policy], daily))
        shown.add_section()
    return shown


def row(key: tuple[str, int], policy: str, found: list[Measured], daily: float) -> list[str]:
    """One line of the table."""
    fields = ("trainings", "deployments", "worse", "rollbacks", "alarms", "true_alarms")
    means = [f"{np.mean([getattr(m, name) for m in found]):.1f}" for name in fields]
    delays = [m.days_to_alarm for m in found if m.days_to_alarm is not None]
    loss = float(np.mean([m.loss for m in found]))
    return [
        key[0], str(key[1]), policy, f"{loss:.4f}", f"{loss / daily - 1:+.2%}", *means,
        f"{np.median(delays):g}" if delays else "", f"{np.mean([m.seconds for m in found]):.0f}",
    ]  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
