"""The plots of the page."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.drift.goals import USUAL, Kept, of, regret

SHOWN = ("adaptive", "weekly", "monthly", "daily")
NOT_FOUND = 29  # where a rule is drawn that misses most drifts


def draw(parts: dict[str, Kept], folder: Path) -> None:
    """Draw what the parts allow."""
    folder.mkdir(exist_ok=True)
    if "years" in parts:
        _save(_alarms(parts["years"]["found"]), folder / "drift-alarms.png")
    if "policies" in parts:
        _save(_policies(parts["policies"]["found"]), folder / "drift-policies.png")


def _alarms(found: Kept) -> Figure:
    """False alarms against the median delay of every rule."""
    ours = found["worlds"][USUAL]
    mine = {"alarms": ours["alarms"], "delays": ours["delays"]["1/0.3/abrupt"]}
    figure = Figure(figsize=(6, 3.2), dpi=80, layout="tight")
    axes = figure.subplots()
    for rule, values in {"Leeway": mine, **found["peers"]}.items():
        median = values["delays"]["median"]
        y, missed = (NOT_FOUND, " (missed)") if median is None else (median, "")
        axes.plot(np.mean(values["alarms"]), y, "o", label=f"{rule}{missed}")
    axes.axhline(4, linewidth=0.5, color="grey")
    axes.axvline(1, linewidth=0.5, color="grey")
    axes.set(xlabel="false alarms a year", ylabel="median days to 0.3 sd", xlim=(-2, 55))
    axes.legend(fontsize=7)
    return figure


def _policies(found: list[Kept]) -> Figure:
    """Loss against never retraining, by stream and policy, at the delay with the most streams."""
    delays = [each["delay"] for each in found]
    delay = max(set(delays), key=delays.count)
    streams = list(dict.fromkeys(each["stream"] for each in found if each["delay"] == delay))
    figure = Figure(figsize=(7, 3.2), dpi=80, layout="tight")
    axes, width = figure.subplots(), 0.8 / len(SHOWN)
    for n, policy in enumerate(SHOWN):
        gains = [
            regret(of(found, (s,), delay, policy), of(found, (s,), delay, "never")) for s in streams
        ]
        known = [(place, gain) for place, gain in enumerate(gains) if gain is not None]
        axes.bar(
            [p + n * width for p, _ in known], [100 * g for _, g in known], width, label=policy
        )
    axes.set_xticks(np.arange(len(streams)) + 0.3, streams)
    axes.axhline(0, linewidth=0.5, color="black")
    axes.set_ylabel("loss against never retraining, %")
    axes.set_title(f"Labels after {delay} days; lower is better", fontsize=9)
    axes.legend(fontsize=7)
    return figure


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(str(path))
