"""Pictures of an evaluation as PNG bytes, small enough to sit in a run's page."""

import io
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.evaluation import Evaluation
from ml.task import Floats, Task, words

DPI = 50
LABELLED_DAYS = 5


def calibration_plot(evaluation: Evaluation, dpi: int = DPI) -> bytes:
    """What was predicted against what happened, bins of equally many rows per model."""
    figure = Figure(figsize=(5, 5), dpi=dpi, layout="tight")
    axes = figure.subplots()
    for name, bins in evaluation.calibration.items():
        axes.plot([b.mean_prediction for b in bins], [b.rate for b in bins], "o-", label=name)
    axes.axline((0, 0), slope=1, linestyle="--", color="grey", label="perfect")
    _finish(axes, "Calibration", "mean prediction", "what happened")
    return _png(figure)


def comparison_plot(
    task: Task, evaluation: Evaluation, labels: Floats, predictions: Mapping[str, Floats]
) -> bytes:
    """How well models tell the test rows apart, and their loss of each day."""
    figure = Figure(figsize=(9, 4.5), dpi=DPI, layout="tight")
    apart, daily = figure.subplots(1, 2)
    for name, values in predictions.items():
        curve = task.curve(labels, values)
        apart.plot(curve.x, curve.y, label=f"{name} {_auc(evaluation, name)}")
    for name, losses in evaluation.daily_loss.items():
        daily.plot(list(losses), list(losses.values()), label=name)
    days = sorted({day for losses in evaluation.daily_loss.values() for day in losses})
    daily.set_xticks(days[:: max(1, len(days) // LABELLED_DAYS)])
    daily.tick_params(axis="x", rotation=30)
    _finish(apart, curve.title, curve.x_label, curve.y_label)
    _finish(daily, "Loss by day", "as of", words(task.metric))
    return _png(figure)


def _auc(evaluation: Evaluation, name: str) -> str:
    auc = evaluation.metrics[name].get("roc_auc")
    return "" if auc is None else f"{auc:.3f}"


def _finish(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.legend()


def _png(figure: Figure) -> bytes:
    """Drawn by Agg without pyplot, which would keep every figure and want a display."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
