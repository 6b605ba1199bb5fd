"""A model card: one HTML page that says what a version is for, made of, worth, and blind to.

Source: M. Mitchell et al., Model cards for model reporting, FAT* 2019. The page opens without a
network and runs no script; every value is escaped.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ml import figures
from ml.evaluation import Evaluation
from ml.ranges import Range
from ml.task import Metrics, Task, words
from ml.verdict import Check

SLICES = 100  # largest ones that are shown
DPI = 90  # the page is read as it is, or printed


@dataclass(frozen=True)
class Part:
    """Rows by use, e.g. `train`, and how they were chosen."""

    name: str
    rows: int
    chosen: str


@dataclass(frozen=True)
class Slice:
    """A group of test rows; `loss` is the mean row loss by model."""

    column: str
    value: str
    rows: int
    mean_label: float | None
    loss: Mapping[str, float | None]


@dataclass(frozen=True)
class Card:
    """What a page says of one version; mappings are shown in their order.

    judged: the name in `evaluation` of the candidate that the gate judged, which may be the version
    itself or what it is a refit of. evaluation: None where no test row had matured. left_out: days,
    and why nothing was learned from them. importance: by column, the largest 1. lineage: a table,
    and what it is made of.
    """

    model: str
    task: Task
    version: int
    description: str
    owner: str
    promoted: bool
    reasons: tuple[str, ...]
    identity: Mapping[str, str]
    data: Mapping[str, str]
    left_out: Mapping[str, str]
    parts: tuple[Part, ...]
    judged: str
    evaluation: Evaluation | None
    checks: tuple[Check, ...]
    importance: Mapping[str, float]
    lineage: Mapping[str, tuple[str, ...]]
    limits: tuple[str, ...]
    ranges: tuple[Range, ...]


def render(card: Card) -> str:
    """The page as HTML, its plot inside."""
    found = card.evaluation
    groups = slices(card.task, found, card.judged) if found else []
    plot = figures.calibration_plot(found, DPI) if found else b""
    return _template().render(
        card=card,
        metrics=found.metrics if found else {},
        columns=list(found.metrics[card.judged]) if found else [],
        words=words,
        slices=groups[:SLICES],
        slices_in_all=len(groups),
        calibration=base64.b64encode(plot).decode(),
        importance=sorted(card.importance.items(), key=lambda item: (-item[1], item[0])),
    )


def slices(task: Task, evaluation: Evaluation, judged: str) -> list[Slice]:
    """The groups of test rows that were large enough to measure, the largest first."""
    groups = [
        _slice(task, evaluation, column, value, metrics)
        for column, values in evaluation.slices[judged].items()
        for value, metrics in values.items()
    ]
    return sorted(groups, key=lambda group: (-group.rows, group.column, group.value))


def _slice(task: Task, evaluation: Evaluation, column: str, value: str, metrics: Metrics) -> Slice:
    losses = {
        name: by_column[column][value][task.metric] for name, by_column in evaluation.slices.items()
    }
    return Slice(column, value, int(metrics["rows"] or 0), metrics.get("mean_label"), losses)


def _template() -> Template:
    place = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=place, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("card.html")
