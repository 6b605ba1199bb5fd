"""A replay as one HTML page that opens without a network: a table, plots, every training."""

import base64
import io
from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.replay.outcome import Outcome
from ml.replay.table import HEADINGS, rows, since

SMOOTHED = 28  # days of the running mean
STYLE = """body{font:15px sans-serif;margin:2em;max-width:75em}td,th{padding:.2em .7em;
text-align:right}td:first-child,th:first-child,.why{text-align:left}
tr:nth-child(even){background:#eee}"""
NOTE = (
    "Loss is the mean loss a row of what was live, since {since}, the first day on which every "
    "policy had a model. Worse are deployments that lost at least 1 % for sure against the model "
    "before them on their first 28 days. An alarm is confirmed where a training found a better "
    "model while it was up; delay is the median of days from the beginning of what it is about."
)


def page(title: str, outcomes: Sequence[Outcome]) -> str:
    """The whole page; its text is escaped."""
    begin = since(outcomes)
    trained = [
        [o.policy, str(t.as_of), t.lane, t.recipe or "", "yes" if t.deployed else "no", t.why]
        for o in outcomes
        for t in o.trainings
    ]
    head = ("policy", "as of", "lane", "recipe", "live", "why")
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{_table(HEADINGS, rows(outcomes))}"
        f"<p>{escape(NOTE.format(since=begin))}</p>"
        f"<img alt='loss over time' src='data:image/png;base64,{_plots(outcomes, begin)}'>"
        f"<h2>Trainings</h2>{_table(head, trained)}</html>"
    )


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    )
    return f"<table><tr>{''.join(f'<th>{escape(h)}</th>' for h in head)}</tr>{lines}</table>"


def _plots(outcomes: Sequence[Outcome], begin: date) -> str:
    figure = Figure(figsize=(11, 9), dpi=80, layout="tight")
    loss, spent = figure.subplots(2, 1, sharex=True)
    for outcome in outcomes:
        _loss(loss, outcome, begin)
        days = [training.as_of for training in outcome.trainings]
        seconds = np.cumsum([training.seconds for training in outcome.trainings])
        spent.step(_dates([begin, *days]), [0, *seconds], where="post", label=outcome.policy)
    loss.set_ylabel(f"loss a row, mean of {SMOOTHED} days")
    loss.set_title("Loss of what was live; a dot is a new model, a cross an alarm")
    spent.set_ylabel("CPU seconds of trainings")
    for axes in (loss, spent):
        axes.legend(fontsize="small")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _loss(axes: Axes, outcome: Outcome, begin: date) -> None:
    days = [day for day in outcome.days if day.day >= begin]
    sums = np.cumsum([[0.0, 0.0], *([day.loss * day.rows, day.rows] for day in days)], axis=0)
    ends = np.arange(1, len(days) + 1)
    parts = sums[ends] - sums[np.maximum(ends - SMOOTHED, 0)]
    values = dict(zip([day.day for day in days], parts[:, 0] / parts[:, 1], strict=True))
    [line] = axes.plot(_dates(values), list(values.values()), label=outcome.policy)
    marks = {"o": [d.as_of for d in outcome.deployments], "x": [a.day for a in outcome.alarms]}
    for shape, marked in marks.items():
        known = [day for day in marked if day in values]
        marked_losses = [values[day] for day in known]
        axes.plot(_dates(known), marked_losses, shape, color=line.get_color(), markersize=5)


def _dates(days: Iterable[date]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    return np.array(list(days), "datetime64[D]")
