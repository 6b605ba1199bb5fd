"""Do the platform's features say more than quick ones? One LightGBM, trained once, tells.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.features

Trained on a year of weekly days up to 2011-07-01, judged by the weekly days of the walk. The
platform's population is whoever has bought in the last 90 days; "everybody" has bought at any time.
"""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from bench.models import boosting, quick
from bench.models.rows import TRAIN_DAYS, WEEK, Shop, shop
from bench.models.scores import differences, figures
from bench.models.walk import FIRST, LAST, SEEDS, TESTS
from bench.results import MODEL_RESULTS
from ml.recipes import WINDOW, Recipe, strided
from ml.splits import HOLDOUT_SHARE, Split
from ml.task import Floats
from resources.lake import Lake
from state import opened

TRAINED_TO = date(2011, 7, 1)
ACTIVE, EVER = 90, 100_000  # days since the last purchase
SETTINGS = {
    "shared": True,
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "lambda_l2": 5.0,
}


def measured(platform: Shop, lake: Lake) -> dict[str, Any]:
    """Figures of quick features on both populations, and of the platform's on its own."""
    days = strided(LAST, (LAST - FIRST).days + 1, WEEK)
    everybody, active = (quick.shop(lake, days, reach) for reach in (EVER, ACTIVE))
    shops = {"quick, everybody": everybody, "quick": active, "platform": platform}
    done = {name: once(of) for name, of in shops.items()}
    test, ours = done["platform"]
    labels, time = platform.schema.labels(test), test["as_of"].to_numpy()
    return {
        "figures": {name: described(shops[name], *found) for name, found in done.items()},
        "better_than_quick": differences(labels, time, ours, done["quick"][1]),
    }


def once(of: Shop) -> tuple[pa.Table, list[Floats]]:
    """Train once, by every seed; the test rows and their predictions."""
    days = sorted(set(of.table["as_of"].to_pylist()))
    learned = Recipe(WINDOW, TRAIN_DAYS, 1).days(TRAINED_TO)
    train = tuple(day for day in days if day in learned)
    test = tuple(day for day in days if day >= min(TESTS))
    split = Split(Recipe(WINDOW, TRAIN_DAYS, WEEK), train, test, HOLDOUT_SHARE)
    parts = split.parts(of.table, of.schema)
    models = [boosting.fit(parts, of.schema, SETTINGS, seed) for seed in range(SEEDS)]
    return parts.test, [model.predict(parts.test) for model in models]


def described(of: Shop, test: pa.Table, predictions: list[Floats]) -> dict[str, Any]:
    """Figures, and what they were measured on."""
    labels = of.schema.labels(test)
    return {
        **figures(labels, predictions),
        "rows": len(labels),
        "base_rate": float(np.mean(labels)),
        "features": len(of.schema.features),
    }


if __name__ == "__main__":
    MODEL_RESULTS.keep("features", measured(shop(FIRST, LAST), opened()[0]))
