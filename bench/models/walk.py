"""A walk forward through the real shop: `tabular`, tuned LightGBM, logistic regression, base rate.

    LEEWAY_HOME=... LEEWAY_START=2009-12-01 python -m bench.models.walk [--seeds 5]

A decision every two weeks learns from the year whose labels have matured and is judged by the
weekly days until the next one. LightGBM was tuned (`bench.models.tuning`) on days before the first
test day; the defaults of `tabular` were chosen there too.
"""

from collections.abc import Callable
from datetime import date, timedelta
from time import process_time
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from bench.models import boosting
from bench.models.rows import Shop, parts, shop
from bench.models.scores import by_day, differences, figures
from bench.results import MODEL_RESULTS
from ml.baselines import fit_baselines
from ml.estimators import Model
from ml.splits import Parts
from ml.tabular import TrainConfig
from ml.task import Floats
from ml.tracker import NoTracker
from ml.training import fit

FIRST = date(2009, 12, 1)
LAST = date(2011, 11, 21)  # its labels end with the data
BETWEEN = timedelta(14)  # decisions
# Decisions and how many weekly days each is judged by.
TESTS = {date(2011, 8, 1) + n * BETWEEN: 2 for n in range(8)} | {LAST: 1}
SEEDS = 5
Predictions = dict[str, list[Floats]]


class Walk:
    """Predictions of every model and seed on the test days, and CPU seconds of a fit."""

    def __init__(self, of: Shop, settings: dict[str, Any], seeds: int) -> None:
        self.shop, self.settings, self.seeds = of, settings, seeds
        self.tests: list[pa.Table] = []
        self.found: list[Predictions] = []
        self.seconds: dict[str, list[float]] = {}

    def decide(self, decision: date, test_days: int) -> None:
        """Train every model with what is known on this day and predict the test days."""
        rows = parts(self.shop, decision, test_days)
        predicted: Predictions = {}
        for seed in range(self.seeds):
            for name, work in self.models(rows, seed).items():
                began = process_time()
                model = work()
                self.seconds.setdefault(name, []).append(process_time() - began)
                predicted.setdefault(name, []).append(model.predict(rows.test))
        peers = fit_baselines(rows, self.shop.schema, TrainConfig())
        predicted |= {name: [model.predict(rows.test)] for name, model in peers.items()}
        self.tests.append(rows.test)
        self.found.append(predicted)

    def models(self, rows: Parts, seed: int) -> dict[str, Callable[[], Model]]:
        """The two that are compared; tuned LightGBM also with the other choice of columns."""
        schema, config = self.shop.schema, TrainConfig(seed=seed)
        other = {**self.settings, "shared": not self.settings["shared"]}
        return {
            "tabular": lambda: fit(rows.train, rows.holdout, schema, config, NoTracker()),
            "tuned": lambda: boosting.fit(rows, schema, self.settings, seed),
            "tuned_other": lambda: boosting.fit(rows, schema, other, seed),
        }

    @property
    def test(self) -> pa.Table:
        """The rows of all test days."""
        return pa.concat_tables(self.tests)

    @property
    def days(self) -> np.ndarray[Any, Any]:
        """The day of every test row."""
        return self.test[self.shop.schema.time].to_numpy()

    def judged(self) -> dict[str, Any]:
        """Figures of all test days together."""
        labels, days, joined = self.shop.schema.labels(self.test), self.days, self.joined()
        return {
            "models": {name: figures(labels, seeds) for name, seeds in joined.items()},
            "better_than": {
                name: differences(labels, days, joined["tabular"], seeds)
                for name, seeds in joined.items()
                if name != "tabular"
            },
            "days": by_day(labels, days, joined),
            "rows": len(labels),
            "seeds": self.seeds,
            "base_rate": float(labels.mean()),
            "fit_seconds": {name: float(np.mean(each)) for name, each in self.seconds.items()},
        }

    def joined(self) -> Predictions:
        """Every model's predictions of all test rows, by seed."""
        return {
            name: [np.concatenate(seed) for seed in zip(*self._of(name), strict=True)]
            for name in self.found[0]
        }

    def _of(self, name: str) -> list[list[Floats]]:
        return [found[name] for found in self.found]


def main(seeds: Annotated[int, typer.Option(min=1)] = SEEDS) -> None:
    """Walk, with the settings that LightGBM was tuned to, and keep what was found up to a day."""
    walk = Walk(shop(FIRST, LAST), MODEL_RESULTS.found("tuning")["settings"], seeds)
    for decision, days in TESTS.items():
        walk.decide(decision, days)
        MODEL_RESULTS.keep("walk", walk.judged())


if __name__ == "__main__":
    typer.run(main)
