"""Do the platform's features say more than quick ones? One LightGBM, trained once, tells.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.features

Trained on weekly days up to 2011-07-01, judged by the weekly days of the walk. The platform's
population is whoever has bought in the last 90 days; "everybody" has bought at any time.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from bench.models import boosting, quick
from bench.models.rows import WEEK, Shop, shop
from bench.models.scores import differences, figures
from bench.models.walk import FIRST, LAST, SEEDS, TESTS
from bench.results import MODEL_RESULTS
from ml.recipes import WINDOW, Recipe, strided
from ml.schema import Floats
from ml.splits import HOLDOUT_SHARE, Split
from resources.lake import Lake

TRAINED_TO = date(2011, 7, 1)
ACTIVE, EVERYBODY = 90, 100_000  # days since the last purchase
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
    found: dict[str, Any] = {}
    predicted: dict[str, list[Floats]] = {}
    test = pa.table({})
    for name, of in (
        ("quick, everybody", quick.shop(lake, DAYS, EVERYBODY)),
        ("quick", quick.shop(lake, DAYS, ACTIVE)),
        ("platform", platform),
    ):
        test, predicted[name] = once(of)
        labels = of.schema.labels(test)
        found[name] = {
            **figures(labels, predicted[name]),
            "rows": len(labels),
            "base_rate": float(labels.mean()),
            "features": len(of.schema.features),
        }
    days = test["as_of"].to_numpy()
    difference = differences(platform.schema.labels(test), days, predicted["platform"], predicted["quick"])
    return {"figures": found, "better_than_quick": difference}
