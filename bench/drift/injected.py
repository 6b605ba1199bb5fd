"""Drifts that are laid into the rows of a real shop, and what becomes of them.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.drift.injected

Reads the features and labels that `leeway run` has built from Online Retail II. Drifts as in
arXiv 2606.07789: another class prior, swapped labels, permuted features, filtered rows; each from
a day on, at several days of the second year.
"""

import multiprocessing
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from bench.drift.real import shop
from bench.results import DRIFT_RESULTS
from ml.replay.plan import Plan
from ml.replay.replay import run
from ml.replay.world import World
from ml.sketch import DAILY, sketch_table

STARTS = tuple(date(2011, 2, 1) + timedelta(days=15 * n) for n in range(10))
BEFORE, AFTER = timedelta(days=42), timedelta(days=56)
# a day's rows, and the names of its features, to the rows with the drift
Drift = Callable[[pa.Table, World, np.random.Generator], pa.Table]


def fewer_buyers(rows: pa.Table, world: World, rng: np.random.Generator) -> pa.Table:
    """Half of those who came again are gone: another class prior."""
    labels = rows[world.schema.label].to_numpy()
    return rows.filter(pa.array((labels == 0) | (rng.random(len(labels)) < 0.5)))


def swapped(rows: pa.Table, world: World, _: np.random.Generator) -> pa.Table:
    """A third of the customers does the opposite."""
    names = rows[world.schema.entity].to_pylist()
    turned = np.array([zlib.crc32(str(name).encode()) % 3 == 0 for name in names], bool)
    labels = rows[world.schema.label].to_numpy()
    return _with(rows, world.schema.label, np.where(turned, 1 - labels, labels))


def permuted(rows: pa.Table, world: World, rng: np.random.Generator) -> pa.Table:
    """Every second feature belongs to another customer; each column alone looks as before."""
    order = pa.array(rng.permutation(rows.num_rows))
    for name in world.schema.features[::2]:
        rows = _with(rows, name, rows[name].take(order))
    return rows


def filtered(rows: pa.Table, world: World, _: np.random.Generator) -> pa.Table:
    """Only the half of the customers stays whose first feature is small: the recent ones."""
    recency = rows[world.schema.features[0]].to_numpy()
    return rows.filter(pa.array(recency <= np.median(recency)))


DRIFTS: dict[str, Drift | None] = {
    "none": None,
    "class prior: half of the buyers": fewer_buyers,
    "label swap: a third of the customers": swapped,
    "permutation: every second feature": permuted,
    "filtering: the recent half": filtered,
}


@dataclass(frozen=True)
class Injected:
    """What became of one drift from `start` on; days are counted from it, losses up to the end.

    found_by: first check that asked for a model; None where none did. seconds: of CPU.
    """

    drift: str
    start: date
    found_by: str | None
    days: int | None
    adaptive: float
    never: float
    deployed: int
    alarms: int
    seconds: float


def injected(world: World, drift: Drift, start: date) -> World:
    """The world whose rows are others from `start` on, labels and sketches with them."""
    days = [day for day in world.spans if start <= day < start + AFTER]
    changed = {
        day: drift(world.of([day]), world, np.random.default_rng([n, start.toordinal()]))
        for n, day in enumerate(days)
    }
    before = world.of([day for day in world.spans if day < start])
    features = {
        day: sketch_table(part.select(list(world.features[day])), DAILY)
        for day, part in changed.items()
    }
    labels = {d: sketch_table(p.select([world.schema.label]), DAILY) for d, p in changed.items()}
    return replace(
        world,
        rows=pa.concat_tables([before, *changed.values()]),
        features={**world.features, **features},
        labels={**world.labels, **labels},
    )


def measured(world: World, plan: Plan, job: tuple[str, date]) -> Injected:
    """Replay production's policy, and none, around the start of a drift."""
    name, start = job
    drift = DRIFTS[name]
    lived = injected(world, drift, start) if drift else world
    days = [start - BEFORE + timedelta(n) for n in range((BEFORE + AFTER).days)]
    adaptive, never = (run(lived, plan, days, policy) for policy in ("adaptive", "never"))
    after = [alarm for alarm in adaptive.alarms if alarm.day >= start]
    first = after[0] if after else None
    return Injected(
        name,
        start,
        first.check if first else None,
        (first.day - start).days if first else None,
        adaptive.mean_loss(start),
        never.mean_loss(start),
        sum(deployment.as_of >= start for deployment in adaptive.deployments),
        len(after),
        adaptive.seconds + never.seconds,
    )


def of_drifts(world: World, plan: Plan) -> Iterator[Injected]:
    """Every drift at every start, two at a time."""
    jobs = [(name, start) for start in STARTS for name in DRIFTS]
    spawned = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(2, spawned) as pool:
        yield from pool.map(partial(measured, world, plan), jobs)


def main() -> None:
    """Measure, and keep what there is after each."""
    drifts = []
    for found in of_drifts(*shop()):
        drifts.append(asdict(found))
        DRIFT_RESULTS.keep("injected", drifts, sum(each["seconds"] for each in drifts) / 60)


def _with(rows: pa.Table, name: str, values: object) -> pa.Table:
    field = rows.schema.field(name)
    column = values if isinstance(values, pa.ChunkedArray) else pa.array(values)
    return rows.set_column(rows.schema.get_field_index(name), field, column.cast(field.type))


if __name__ == "__main__":
    main()
