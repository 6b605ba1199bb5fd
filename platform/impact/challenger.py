"""One training on old and on new rows: what a version made from the new SQL would be worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from declaration import MlModel
from examples import schema
from impact.report import ChallengerImpact
from ml.bootstrap import by_days
from ml.errors import ModelError
from ml.estimators import estimator
from ml.recipes import WINDOW, Recipe
from ml.splits import HOLDOUT_SHARE, Split
from ml.tabular import TrainConfig
from ml.task import Floats
from ml.tracker import NoTracker

SEEDS = 2
TEST_SHARE = 1 / 3  # of the sampled days, the newest ones
INTERVAL = (0.025, 0.975)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """Losses on the test rows by seed, shape [seeds, rows], and the sizes behind them."""

    losses: Floats
    days: np.ndarray
    train_rows: int
    constant: float  # mean loss of the best constant

    @property
    def skill(self) -> float:
        """The share of the constant's loss that it saves."""
        return 1 - float(self.losses.mean()) / self.constant


def split_of(model: MlModel, days: Sequence[date]) -> Split | None:
    """Return which sampled days teach and which later ones judge; None where too few are left.

    Between them lies a horizon, as in every training: labels of the days that teach were known
    when the first day that judges began.
    """
    test = tuple(days[-max(1, round(len(days) * TEST_SHARE)) :])
    last = test[0] - timedelta(days=model.label.horizon_days)
    train = tuple(day for day in days if day <= last)
    if not train:
        return None
    span = (train[-1] - train[0]).days + 1
    recipe = Recipe(WINDOW, span, model.train.every_days)
    return Split(recipe, train_days=train, test_days=test, holdout_share=HOLDOUT_SHARE)


def trained(model: MlModel, split: Split, rows: pa.Table, what: str, tell: Tell) -> Trained:
    """Train with every seed and judge on the split's test rows, which are in the rows' order.

    rows: features and label. Raises ModelError where they cannot be learned from.
    """
    columns = schema(model, rows)
    parts = split.parts(rows, columns)
    task, labels = columns.target, columns.labels(parts.test)
    losses = []
    for n in range(SEEDS):
        tell(f"{model.name}: training on {what}, seed {n + 1} of {SEEDS}")
        config = TrainConfig(seed=model.train.seed + n, workers=1)
        fit = estimator(model.train.estimator).fit
        fitted = fit(parts.train, parts.holdout, columns, config, NoTracker(), parts.weights)
        losses.append(task.losses(labels, fitted.predict(parts.test)))
    known = columns.labels(parts.train)
    shape = (len(labels), *task.shape(1)[1:])
    constant = task.losses(labels, np.broadcast_to(task.constant(known), shape))
    return Trained(
        np.stack(losses),
        parts.test[model.time].cast(pa.date32()).to_numpy(),
        parts.train.num_rows,
        float(constant.mean()),
    )


def challenger_impact(model: MlModel, before: Trained, after: Trained) -> ChallengerImpact:
    """Compare two trainings that were judged on the same rows."""
    gained = after.losses.mean(axis=0) - before.losses.mean(axis=0)
    low, high = (by_days(gained, before.days, level, model.train.seed) for level in INTERVAL)
    spans = [np.ptp(each.losses.mean(axis=1)) for each in (before, after)]
    return ChallengerImpact(
        metric=str(model.gate.metric),
        unit=model.target.unit,
        seeds=tuple(model.train.seed + n for n in range(SEEDS)),
        train_rows=after.train_rows,
        test_rows=len(gained),
        test_days=len(np.unique(before.days)),
        before=float(before.losses.mean()),
        after=float(after.losses.mean()),
        difference=float(gained.mean()),
        low=low,
        high=high,
        seed_noise=float(max(spans)),
    )


def judged_alike(
    model: MlModel, split: Split, old: pa.Table, new: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Leave out of the split's test days what only one of the tables has."""
    keys = [model.entity, model.time]
    common = old.select(keys).join(new.select(keys), keys, join_type="inner")
    days = pa.array(split.test_days, pa.date32())
    kept = []
    for rows, other in ((old, common), (new, common)):
        judges = pc.is_in(rows[model.time], value_set=days)
        both = rows.filter(judges).join(other, keys, join_type="left semi")
        kept.append(ordered(pa.concat_tables([rows.filter(pc.invert(judges)), both]), model))
    return kept[0], kept[1]


def with_label(model: MlModel, features: pa.Table, labels: pa.Table) -> pa.Table:
    """Return features with their label, of entities that have both, by (time, entity)."""
    keys = [model.entity, model.time]
    label = labels.select([*keys, model.label.column])
    return ordered(features.join(label, keys, join_type="inner"), model)


def ordered(rows: pa.Table, model: MlModel) -> pa.Table:
    """Return rows by (time, entity as text), as training reads them (`examples`)."""
    keys = pa.table({"time": rows[model.time], "entity": rows[model.entity].cast(pa.string())})
    by = [("time", "ascending"), ("entity", "ascending")]
    return rows.take(pc.sort_indices(keys, sort_keys=by))


def unlearnable(split: Split | None, rows: pa.Table, model: MlModel) -> str | None:
    """Return why nothing can be learned from these rows, None where something can."""
    if split is None:
        return "too few sampled days have matured"
    try:
        columns = schema(model, rows)
        parts = split.parts(rows, columns)
        if not (parts.train.num_rows and parts.holdout.num_rows and parts.test.num_rows):
            return "too few rows of the sampled days have a label"
        return model.target.untrainable(columns.labels(parts.train))
    except ModelError as error:
        return str(error)
