"""Which recipes a decision day may train: declared, different, not resting."""

from collections.abc import Collection
from datetime import date, timedelta

import ml.offers
from declaration import MlModel
from examples import label_keys
from lifecycle.checked import checks_of
from lifecycle.splits import judged_from, new_world, split_of
from lifecycle.tested import unfit_days, without
from ml.errors import SplitError
from ml.raised import change_point
from ml.recipes import Recipe, recipes
from resources.lake import Lake


def learnable(
    lake: Lake, model: MlModel, as_of: date, lane: str, left_out: Collection[date]
) -> dict[str, int]:
    """Return how many rows each recipe that teaches something of its own would learn from.

    left_out: days that no model may use. Nothing in the alarm lane before a day since the alarm's
    cause has matured.
    """
    first = judged_from(lake, model, as_of, lane)
    try:
        offers = [split_of(model, as_of, lane, first, r) for r in declared(lake, model, as_of)]
    except SplitError:
        return {}
    days = {day for split in offers for day in split.train_days}
    fit = without(sorted(days), {*left_out, *unfit_days(lake, model, sorted(days))})
    return ml.offers.learnable(offers, label_keys(lake, model, fit), model.time, model.entity)


def declared(lake: Lake, model: MlModel, as_of: date) -> tuple[Recipe, ...]:
    """Return the recipes that make sense on a day, whether they rest or not."""
    train, change = model.train, change_point(checks_of(lake, model, as_of))
    since = change or new_world(lake, model, as_of)
    return recipes(train.recipes, train.window_days, train.every_days, since)


def resting(lake: Lake, model: MlModel, as_of: date) -> dict[str, date]:
    """Return recipes whose version was rolled back, and the first day they may be trained again."""
    found = lake.rows(
        """select v.recipe, max(c.as_of) as as_of
        from ledger.champions as c
        join ledger.versions as v on v.model = c.model and v.version = c.previous
        where c.model = ? and c.action = 'rolled back' and c.as_of <= ? and v.recipe is not null
        group by v.recipe order by v.recipe""",
        [model.name, as_of],
    )
    until = {row["recipe"]: row["as_of"] + timedelta(model.retrain.rest_days) for row in found}
    return {recipe: day for recipe, day in until.items() if as_of < day}
