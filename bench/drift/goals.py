"""Every goal beside its figure, from what the parts have kept."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.drift.policies import ABRUPT, CLAIRVOYANT, DAYS
from bench.tables import Row, row

Kept = dict[str, Any]
USUAL = "1000/0.06/0.5"
YEAR = 365
BENIGN = ("null", "benign shift")


def goals(parts: dict[str, Kept]) -> Iterator[Row]:
    """Measure, goal, figure and whether it is met, of the parts that have run."""
    if "years" in parts:
        yield from _years(parts["years"]["found"])
    if "policies" in parts:
        yield from _policies(parts["policies"]["found"])
    if "gate" in parts:
        counts = parts["gate"]["found"]
        worse, asked = (sum(c[key] for c in counts) for key in ("worse", "decisions"))
        yield row("materially worse deployments", "0 in 500", f"{worse} in {asked}", worse == 0)
    if "speed" in parts:
        yield from _speed(parts["speed"]["found"])


def of(found: list[Kept], streams: tuple[str, ...], delay: int, policy: str) -> list[Kept]:
    """What a policy did on some streams."""
    return [
        each
        for each in found
        if each["stream"] in streams and each["delay"] == delay and each["policy"] == policy
    ]


def mean(found: list[Kept], name: str) -> float:
    """Mean of a number over runs."""
    return float(np.mean([each[name] for each in found]))


def _years(found: Kept) -> Iterator[Row]:
    for rows, limit in ((200, 2), (1000, 1), (5000, 1)):
        if f"{rows}/0.06/0.5" not in found["worlds"]:
            continue
        alarms = float(np.mean(found["worlds"][f"{rows}/0.06/0.5"]["alarms"]))
        name = f"false alarms per model-year, {rows:,} rows a day"
        yield row(name, f"<= {limit}", f"{alarms:.2f}", alarms <= limit)
    delay = found["worlds"][USUAL]["delays"]["1/0.3/abrupt"]
    median, p90, missed = delay["median"], delay["p90"], delay["missed"]
    shown = f"median {median:.0f}, p90 {p90 or np.inf:.0f}, missed {missed:.1%}"
    met = median <= 4 and p90 is not None and p90 <= 7 and missed <= 0.02
    yield row("days to .3 sd in 1 of 20 columns", "median <= 4, p90 <= 7, <= 2 %", shown, met)
    for fault in found["worlds"][USUAL]["faults"]:
        worlds = [world["faults"][fault] for world in found["worlds"].values()]
        share = float(np.mean([hit for world in worlds for hit in world]))
        name = f"broken day found the same day: {fault}"
        yield row(name, "100 %", f"{share:.1%}", share == 1)


def _policies(found: list[Kept]) -> Iterator[Row]:
    for delay in sorted({each["delay"] for each in found}):
        yield from _of_delay(found, delay)
    mine = [each for each in found if each["policy"] == "adaptive"]
    worse = sum(each["worse"] for each in mine)
    deployed = sum(each["deployments"] for each in mine)
    name = "deployments of all streams, materially worse in their first 28 days"
    yield row(name, "0", f"{worse} of {deployed}", worse == 0)


def _of_delay(found: list[Kept], delay: int) -> Iterator[Row]:
    for stream in dict.fromkeys(each["stream"] for each in found if each["delay"] == delay):
        adaptive, daily = (of(found, (stream,), delay, name) for name in ("adaptive", "daily"))
        if not adaptive or not daily:
            continue
        if stream in BENIGN:
            year = (mean(adaptive, "deployments") - 1) * YEAR / DAYS
            name = f"deployments a year after the first: {stream}, {delay} days"
            yield row(name, "<= 4", f"{year:.1f}", year <= 4)
            continue
        name = f"loss against daily retraining: {stream}, labels after {delay} days"
        limit = -0.05 if stream in ABRUPT else 0.02
        mine, theirs = same_seeds(adaptive, daily)
        shown = mean(mine, "loss") / mean(theirs, "loss") - 1
        figure = f"{shown:+.1%}{_at_best(found, stream, delay, daily)}"
        yield row(f"{name} ({len(mine)} seeds)", f"<= {limit:+.0%}", figure, shown <= limit)
        share = mean(mine, "deployments") / mean(theirs, "deployments")
        name = f"deployments as a share of daily's: {stream}, {delay} days ({len(mine)} seeds)"
        yield row(name, "<= 6 %", f"{share:.1%}", share <= 0.06)
    yield from _alarm(of(found, ("flip",), delay, "adaptive"), delay)


def same_seeds(found: list[Kept], others: list[Kept]) -> tuple[list[Kept], list[Kept]]:
    """Those of both on seeds that both were measured on; daily retraining costs the most."""
    common = {each["seed"] for each in found} & {each["seed"] for each in others}
    mine, theirs = ([e for e in each if e["seed"] in common] for each in (found, others))
    return mine, theirs


def regret(found: list[Kept], others: list[Kept]) -> float | None:
    """Mean loss above another policy's on the same seeds, as a share; None without any."""
    mine, theirs = same_seeds(found, others)
    return mean(mine, "loss") / mean(theirs, "loss") - 1 if mine else None


def _at_best(found: list[Kept], stream: str, delay: int, daily: list[Kept]) -> str:
    """What a policy reaches that knows the days of the changes, where it was measured."""
    best = regret(of(found, (stream,), delay, CLAIRVOYANT), daily)
    return "" if best is None else f" (clairvoyant: {best:+.1%})"


def _alarm(flips: list[Kept], delay: int) -> Iterator[Row]:
    if not flips:
        return
    days = [each["days_to_alarm"] for each in flips]
    late = [np.inf if d is None else d - delay for d in days]
    shown = f"median {np.median(late):.0f}, at most {max(late):.0f}"
    name = f"days to the alarm of a flip after labels mature ({delay} days)"
    yield row(name, "<= 2", shown, float(np.median(late)) <= 2)


def _speed(speed: Kept) -> Iterator[Row]:
    factor = speed["preset"] / speed["ours"]
    name = f"drift check of {speed['rows']:,} rows x 21, wall"
    yield row(name, "<= 1 s", f"{speed['ours']:.2f} s", speed["ours"] <= 1)
    yield row(
        "the same, times faster than Evidently's preset", ">= 50", f"{factor:.0f}", factor >= 50
    )
    gap = speed["difference"]
    yield row("largest difference of its scores", "<= 0.01", f"{gap:.4f}", gap <= 0.01)
    yield row("kept of a day", "<= 50 kB", f"{speed['kept'] / 1e3:.0f} kB", speed["kept"] <= 5e4)
    name = "365 days x 50 columns from stored sketches, wall"
    yield row(name, "<= 5 s", f"{speed['span']:.1f} s", speed["span"] <= 5)
