"""Two other questions to the same rows: what will they spend (a number), and is it much (a class)?

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.tasks

Spending is that of the 14 days after as_of. Decisions and test days are those of the walk; LightGBM
has the settings that it was tuned to there.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from bench.models.rows import HORIZON, Shop, shop
from bench.models.scores import interval
from bench.models.walk import FIRST, LAST, TESTS, Walk
from bench.results import MODEL_RESULTS
from ml.task import Floats
from resources.lake import Lake
from state import opened

SEEDS, MUCH = 2, 300.0  # pounds
CLASSES = ("nothing", "little", "much")


def spending(of: Shop, lake: Lake) -> Floats:
    """Pounds spent in the 14 days after as_of, shape [rows]."""
    found = lake.rows(
        f"""select as_of, customer_id::varchar as customer_id, sum(amount)::double as pounds
        from (select unnest(?) as as_of) join staging.int_order_lines
            on is_purchase and ordered_on > as_of and ordered_on <= as_of + {HORIZON}
        group by all""",
        [sorted(set(of.table["as_of"].to_pylist()))],
    )
    pounds = {(row["customer_id"], row["as_of"]): row["pounds"] for row in found}
    keys = zip(*(of.table[n].to_pylist() for n in ("customer_id", "as_of")), strict=True)
    return np.array([pounds.get((str(customer), day), 0.0) for customer, day in keys])


def tasks(of: Shop, pounds: Floats) -> dict[str, Shop]:
    """The same rows with another label: ln(1 + pounds), and nothing, little or much."""
    amount = pa.array(np.log1p(pounds))
    kind = pa.array(np.array(CLASSES)[(pounds > 0).astype(int) + (pounds >= MUCH)])
    place = of.table.column_names.index(of.schema.label)
    regression = replace(of.schema, task="regression")
    classes = replace(of.schema, task="multiclass", classes=CLASSES)
    return {
        "regression": Shop(of.table.set_column(place, of.schema.label, amount), regression),
        "multiclass": Shop(of.table.set_column(place, of.schema.label, kind), classes),
    }


def measured(of: Shop, settings: dict[str, Any]) -> dict[str, Any]:
    """Metrics of every model, and how much better `tabular` is than tuned LightGBM."""
    walk = Walk(of, settings, SEEDS)
    for decision, test_days in TESTS.items():
        walk.decide(decision, test_days)
    task, labels = of.schema.target, of.schema.labels(walk.test)
    predicted = walk.joined()
    losses = {n: np.mean([task.losses(labels, p) for p in s], axis=0) for n, s in predicted.items()}
    return {
        "metric": task.metric,
        "models": {name: means(of, labels, seeds) for name, seeds in predicted.items()},
        "better_by": interval(losses["tuned"] - losses["tabular"], walk.days),
        "rows": len(labels),
    }


def means(of: Shop, labels: Floats, seeds: list[Floats]) -> dict[str, float]:
    """Means over seeds of all metrics of the task."""
    found = [of.schema.target.measure(labels, each) for each in seeds]
    return {name: float(np.mean([each[name] or np.nan for each in found])) for name in found[0]}


def main() -> None:
    """Measure both and keep."""
    of, settings = shop(FIRST, LAST), MODEL_RESULTS.found("tuning")["settings"]
    each = tasks(of, spending(of, opened()[0])).items()
    MODEL_RESULTS.keep("tasks", {name: measured(task, settings) for name, task in each})


if __name__ == "__main__":
    main()
