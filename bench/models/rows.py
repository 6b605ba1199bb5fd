"""Labelled weekly rows of a home, and the splits of a walk forward through them."""

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from ml.recipes import WINDOW, Recipe, strided
from ml.schema import Schema
from ml.splits import HOLDOUT_SHARE, Parts, Split

HORIZON, WEEK, TRAIN_DAYS = 14, 7, 365
MODEL = "repeat_purchase"


@dataclass(frozen=True)
class Shop:
    """Rows of weekly as_of days, in the order of (time, entity)."""

    table: pa.Table
    schema: Schema


def shop(first: date, last: date) -> Shop:
    """The rows of LEEWAY_HOME, of every seventh day back from `last`."""
    from examples import labelled, schema
    from state import opened

    lake, declaration = opened()
    [model] = [each for each in declaration.models if each.name == MODEL]
    table = labelled(lake, model, strided(last, (last - first).days + 1, WEEK))
    return Shop(table, schema(model, table))


def split(decision: date, test_days: int, every: int = WEEK) -> Split:
    """What a decision on this day learns from, and the `test_days` weekly days from it on.

    Only days whose labels were known on the decision day are learned from.
    """
    recipe = Recipe(WINDOW, TRAIN_DAYS, every)
    matured = decision - timedelta(HORIZON)
    test = tuple(decision + timedelta(WEEK * n) for n in range(test_days))
    return Split(recipe, recipe.days(matured), test, HOLDOUT_SHARE)


def parts(shop: Shop, decision: date, test_days: int, every: int = WEEK) -> Parts:
    """The rows of `split`."""
    return split(decision, test_days, every).parts(shop.table, shop.schema)
