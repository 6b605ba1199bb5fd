"""The live version on old and new rows: whether it can go on, and how far its predictions move."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from declaration import MlModel
from impact.report import ChampionImpact
from lifecycle import guard
from lifecycle.candidate import manifest_of
from lifecycle.loaded import fitted_of
from ml.task import Floats, Task
from resources.lake import Lake
from resources.registry import Registry


def unable(
    lake: Lake, registry: Registry, model: MlModel, version: int, types: Mapping[str, str]
) -> str | None:
    """Return why a version cannot score rows with columns of these types, None where it can.

    The same rule stops it when a day is scored (`lifecycle.scored`).
    """
    learned = manifest_of(lake, registry, model, version).get("columns", {})
    why = guard.changed_columns(types, learned)
    return f"{model.name} version {version} cannot score: {why}" if why else None


def champion_impact(
    registry: Registry, model: MlModel, version: int, before: pa.Table, after: pa.Table
) -> ChampionImpact:
    """Score the same keys, in the same order, on old and new rows.

    before also has the label.
    """
    fitted = fitted_of(registry, model, version)
    task, labels = fitted.schema.target, fitted.schema.labels(before)
    old, new = fitted.predict(before), fitted.predict(after)
    moved = float(np.abs(new - old).mean()) if len(old) else 0.0
    spread = max(float(np.max(old.std(axis=0))), 1e-3 * task.unit_of(old)) if len(old) else 1.0
    point = operating_point(task, labels, old)
    return ChampionImpact(
        version=version,
        rows=len(old),
        moved=moved,
        moved_sd=moved / spread,
        flipped=flipped(old, new, point),
        operating_point=point,
    )


def operating_point(task: Task, labels: Floats, predictions: Floats) -> float | None:
    """The probability above which as many rows lie as have the label; None for other tasks.

    Whoever acts on predictions acts on a share of the rows, and the base rate is the one share that
    needs no declaration; 0.5 would choose nobody where the label is rare.
    """
    if task.name != "binary" or not len(predictions):
        return None
    return float(np.quantile(predictions, 1 - labels.mean()))


def flipped(old: Floats, new: Floats, point: float | None) -> float | None:
    """The share of rows that change sides, or of several classes their likeliest one."""
    if not len(old):
        return None
    if old.ndim == 2:
        return float((old.argmax(axis=1) != new.argmax(axis=1)).mean())
    if point is None:
        return None
    return float(((old > point) != (new > point)).mean())
