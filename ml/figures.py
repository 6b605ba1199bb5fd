"""Pictures of an evaluation as PNG bytes, small enough to sit in a run's page."""

import io
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from ml.evaluation import Evaluation
from ml.schema import Floats

DPI = 50
LABELLED_DAYS = 5


def calibration_plot(evaluation: Evaluation, dpi: int = DPI) -> bytes:
    """What was predicted against what happened, ten bins of equally many rows per model."""
    figure = Figure(figsize=(5, 5), dpi=dpi, layout="tight")
    axes = figure.subplots()
    for name, bins in evaluation.calibration.items():
        axes.plot([b.mean_prediction for b in bins], [b.rate for b in bins], "o-", label=name)
    axes.axline((0, 0), slope=1, linestyle="--", color="grey", label="perfect")
    _finish(axes, "Calibration", "mean prediction", "share of label 1")
    return _png(figure)


def comparison_plot(
    evaluation: Evaluation, labels: Floats, predictions: Mapping[str, Floats]
) -> bytes:
    """ROC curves and the log loss of each day; arrays have shape [test rows]."""
    figure = Figure(figsize=(9, 4.5), dpi=DPI, layout="tight")
    roc, daily = figure.subplots(1, 2)
    for name, values in predictions.items():
        false_positive, true_positive, _ = roc_curve(labels, values)
        roc.plot(false_positive, true_positive, label=f"{name} {_auc(evaluation, name)}")
    for name, losses in evaluation.daily_log_loss.items():
        daily.plot(list(losses), list(losses.values()), label=name)
    days = sorted({day for losses in evaluation.daily_log_loss.values() for day in losses})
    daily.set_xticks(days[:: max(1, len(days) // LABELLED_DAYS)])
    daily.tick_params(axis="x", rotation=30)
    _finish(roc, "ROC", "false positive rate", "true positive rate")
    _finish(daily, "Loss by day", "as of", "log loss")
    return _png(figure)


def _auc(evaluation: Evaluation, name: str) -> str:
    auc = evaluation.metrics[name].roc_auc
    return "(one class)" if auc is None else f"{auc:.3f}"


def _finish(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.legend()


def _png(figure: Figure) -> bytes:
    """Drawn by Agg without pyplot, which would keep every figure and want a display."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
