"""False alarms, delays and broken days of the drift checks, beside the usual rules.

python -m bench.drift.years [--seeds 10]
"""

from typing import Annotated

import numpy as np
import typer

from bench.drift.alarms import (
    MISSED,
    PATIENCE,
    Leeway,
    abrupt,
    drifted,
    gradual,
    per_year,
)
from bench.drift.faults import FAULTS, false_incidents, found
from bench.drift.peers import RULES, Peers
from bench.drift.streams import Stream
from bench.results import DRIFT_RESULTS

FIRST_SEED = 1000  # none of those that the alarm's constants were chosen on
SIZES, COLUMNS = (0.15, 0.3, 0.5), (1, 3, 12)
SHAPES = {"abrupt": abrupt, "gradual": gradual}
PEER_ROWS = 1000
WORLDS = (  # rows a day, sd of a column's days, their correlation with the day before
    (1000, 0.06, 0.5),
    (200, 0.06, 0.5),
    (5000, 0.06, 0.5),
    (1000, 0.1, 0.5),
    (1000, 0.1, 0.9),
)


def main(seeds: Annotated[int, typer.Option(min=1)] = 10) -> None:
    """Measure everything, and keep what there is after each world."""
    chosen = range(FIRST_SEED, FIRST_SEED + seeds)
    results: dict = {"seeds": seeds, "worlds": {}}
    results["peers"] = of_peers([Stream(seed, PEER_ROWS) for seed in chosen])
    for world in WORLDS:
        name = "/".join(map(str, world))
        results["worlds"][name] = of_stream([Stream(seed, *world) for seed in chosen])
        DRIFT_RESULTS.keep("years", results)


def of_stream(streams: list[Stream]) -> dict:
    """False alarms, delays and faults of one kind of world."""
    world: dict = {"alarms": [], "false_incidents": [], "delays": {}, "faults": {}}
    for stream in streams:
        leeway = Leeway(stream)
        world["alarms"].append(per_year(leeway.alarms()))
        world["false_incidents"].append(false_incidents(leeway))
        for fault in FAULTS:
            world["faults"].setdefault(fault, []).extend(found(leeway, fault))
        for key, shifts in drifts(stream) if stream.rows == PEER_ROWS else ():
            world["delays"].setdefault(key, []).append(leeway.delay(start(stream, shifts), shifts))
    return {**world, "delays": {key: summary(v) for key, v in world["delays"].items()}}


def of_peers(streams: list[Stream]) -> dict:
    """False alarms of every rule, and delays of a shift of 0.3 sd in one column."""
    rules: dict = {rule: {"alarms": [], "delays": []} for rule in RULES}
    for stream in streams:
        peers = Peers(stream)
        for rule in RULES:
            rules[rule]["alarms"].append(per_year(peers.alarms(rule)))
        for key, shifts in drifts(stream):
            if key != "1/0.3/abrupt":
                continue
            begin = start(stream, shifts)
            values = peers.changed(begin, shifts)
            for rule in RULES:
                after = [d - begin for d in peers.alarms(rule, values) if d >= begin]
                hit = after[0] + 1 if after and after[0] < PATIENCE else MISSED
                rules[rule]["delays"].append(hit)
    return {rule: {**r, "delays": summary(r["delays"])} for rule, r in rules.items()}


def drifts(stream: Stream) -> list[tuple[str, dict[int, list[float]]]]:
    """Every drift that is laid into a stream: how many columns, how large, how sudden."""
    return [
        (f"{count}/{size}/{shape}", {column: made(size) for column in group})
        for count in COLUMNS
        for group in drifted(stream, count)
        for size in SIZES
        for shape, made in SHAPES.items()
    ]


def start(stream: Stream, shifts: dict[int, list[float]]) -> int:
    """A day of the year on which a drift begins, another for each column."""
    return 60 + (13 * min(shifts) + 7 * stream.seed) % 270


def summary(delays: list[float]) -> dict[str, float | int]:
    """Median and 90 % quantile of the days until found (null: not found), share missed."""
    days = np.array(delays)
    quantiles = [float(np.quantile(days, q, method="higher")) for q in (0.5, 0.9)]
    median, p90 = (None if np.isinf(q) else q for q in quantiles)
    return {"n": len(days), "median": median, "p90": p90, "missed": float(np.isinf(days).mean())}


if __name__ == "__main__":
    typer.run(main)
