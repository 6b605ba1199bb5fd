"""The drift report as one small HTML page that opens without a network: the worst columns first.

Evidently's own page carries 3.5 MB of script; it is shown by `evidently ui` (`ml.drift_history`).
"""

import base64
import io
from collections.abc import Mapping
from html import escape

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.distance import shares_of
from ml.drift import ColumnDrift, DriftReport
from ml.sketch import ColumnSketch

WORST = 6
LEVELS = 12  # most frequent categories that are drawn
STYLE = """body{font:15px sans-serif;margin:2em;max-width:60em}td,th{padding:.2em .8em;
text-align:right}td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#eee}"""
HEADINGS = ("column", "score", "method", "missing before", "missing now", "unseen", "finding")


def page(
    title: str,
    reference: Mapping[str, ColumnSketch],
    current: Mapping[str, ColumnSketch],
    report: DriftReport,
    worst: int = WORST,
) -> str:
    """A table of all columns, and the distributions of the `worst` that could be compared."""
    rows = "".join(_row(column) for column in report.columns)
    shown = [column for column in report.columns if column.score is not None][:worst]
    pictures = "".join(
        f"<h2>{escape(c.column)}: {c.score:.3f}</h2>"
        f"<img alt='{escape(c.column, quote=True)}' src='data:image/png;base64,"
        f"{_picture(reference[c.column], current[c.column])}'>"
        for c in shown
    )
    head = "".join(f"<th>{name}</th>" for name in HEADINGS)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{escape(title)}</h1><table><tr>{head}</tr>{rows}</table>"
        f"{pictures}</html>"
    )


def _row(column: ColumnDrift) -> str:
    score = "" if column.score is None else f"{column.score:.3f}"
    shares = (column.null_share_reference, column.null_share_current, column.unseen_share)
    cells = [column.column, score, column.method or "", *(f"{share:.1%}" for share in shares)]
    return (
        "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in [*cells, column.finding or ""]) + "</tr>"
    )


def _picture(before: ColumnSketch, now: ColumnSketch) -> str:
    figure = Figure(figsize=(7, 2.4), dpi=70, layout="tight")
    axes = figure.subplots()
    (_numbers if now.kind == "number" else _categories)(axes, before, now)
    axes.legend()
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _numbers(axes: Axes, before: ColumnSketch, now: ColumnSketch) -> None:
    """Both distribution functions: they need no choice of bins, and a shift is a distance."""
    for label, column in (("reference", before), ("current", now)):
        axes.plot(
            column.points, (np.arange(len(column.points)) + 0.5) / len(column.points), label=label
        )
    low, high = np.quantile([*before.points, *now.points], [0.005, 0.995])
    axes.set(xlim=(low, high if high > low else low + 1), ylabel="share of rows below")


def _categories(axes: Axes, before: ColumnSketch, now: ColumnSketch) -> None:
    levels = list(dict.fromkeys([*before.levels[:LEVELS], *now.levels[:LEVELS]]))
    places = np.arange(len(levels))
    for label, column, offset in (("reference", before, -0.2), ("current", now, 0.2)):
        axes.bar(places + offset, shares_of(column, levels), width=0.4, label=label)
    axes.set_xticks(places, [level[:12] for level in levels])
    axes.set(ylabel="share of rows")
