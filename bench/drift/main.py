"""`make bench-drift`: measures the alarms beside the usual rules and writes the page and the plot.

python bench/drift/main.py [--seeds 10] [--rows 1000000] [--out docs]
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]

from alarms import (  # noqa: E402
    MISSED,
    PATIENCE,
    Leeway,
    abrupt,
    drifted,
    gradual,
    per_year,
)
from faults import FAULTS, false_incidents, found  # noqa: E402
from page import written  # noqa: E402
from peers import RULES, Peers  # noqa: E402
from speed import measured  # noqa: E402
from streams import Stream  # noqa: E402

FIRST_SEED = 1000  # none of those that the alarm's constants were chosen on
SIZES, COLUMNS = (0.15, 0.3, 0.5), (1, 3, 12)
SHAPES = {"abrupt": abrupt, "gradual": gradual}
PEER_ROWS = 1000
WORLDS = (  # rows a day, sd of a column's days, their correlation with the day before
    (200, 0.06, 0.5),
    (1000, 0.06, 0.5),
    (5000, 0.06, 0.5),
    (1000, 0.1, 0.5),
    (1000, 0.1, 0.9),
)


def main() -> None:
    """Measure everything and write it."""
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--out", type=Path, default=ROOT / "docs")
    chosen = options.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + chosen.seeds)
    results = {
        "seeds": chosen.seeds,
        "machine": f"{platform.machine()}, {len_cpus()} cores, Python {platform.python_version()}",
        "commit": git("rev-parse", "--short=12", "HEAD"),
        "changed": bool(git("status", "--porcelain", "--", "ml", "bench/drift")),
        "speed": vars(measured(chosen.rows)),
        "worlds": {
            "/".join(map(str, world)): of_stream([Stream(seed, *world) for seed in seeds])
            for world in WORLDS
        },
        "peers": of_peers([Stream(seed, PEER_ROWS) for seed in seeds]),
    }
    results["cpu_minutes"] = resource.getrusage(resource.RUSAGE_SELF).ru_utime / 60
    (ROOT / "bench" / "drift" / "alarms.json").write_text(json.dumps(results, indent=1) + "\n")
    written(results, chosen.out)


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


def len_cpus() -> int:
    """Cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0))


def git(*arguments: str) -> str:
    """What git answers in the checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
