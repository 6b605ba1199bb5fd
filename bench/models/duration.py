"""How long `tabular` trains on two years of weekly rows of the real shop.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.duration

Two threads; wall clock depends on what else the machine does, CPU seconds hardly do.
"""

from time import perf_counter, process_time
from typing import Any

from bench.models.rows import WEEK, Shop, shop
from bench.models.walk import FIRST, LAST
from bench.results import MODEL_RESULTS
from ml.recipes import WINDOW, Recipe
from ml.splits import HOLDOUT_SHARE, Split
from ml.tabular import TrainConfig
from ml.tracker import NoTracker
from ml.training import fit


def measured(of: Shop) -> dict[str, Any]:
    """Seconds of one fit with early stopping, from Arrow rows to the calibrated model."""
    recipe = Recipe(WINDOW, (LAST - FIRST).days + 1, WEEK)
    rows = Split(recipe, recipe.days(LAST), (), HOLDOUT_SHARE).parts(of.table, of.schema)
    wall, cpu = perf_counter(), process_time()
    config = TrainConfig(threads=2)
    model = fit(rows.train, rows.holdout, of.schema, config, NoTracker())
    return {
        "rows": rows.train.num_rows,
        "epochs": model.epochs_run,
        "seconds": perf_counter() - wall,
        "cpu_seconds": process_time() - cpu,
        "threads": config.threads,
    }


if __name__ == "__main__":
    MODEL_RESULTS.keep("duration", measured(shop(FIRST, LAST)))
