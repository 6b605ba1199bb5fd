"""Walk-forward ROC AUC and log loss of the live model against LightGBM on the same splits.

    LEEWAY_HOME=... python bench/walk_forward.py --from 2011-08-01

Reads a history that `leeway run` has made. On every day the live predictions are compared with
those of a LightGBM fitted on the training and held-out rows of the candidate that was promoted
last, so both learn from the same rows at the same times.
"""

from datetime import date, datetime
from itertools import groupby
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from declaration import MlModel
from examples import labelled
from ledger import champion_on
from lifecycle import store, training_set
from ml.baselines import fit_baselines
from ml.tabular import TrainConfig
from ml.task import Floats, Metrics, words
from resources.lake import Lake, quoted
from resources.registry import Registry, registry_of
from resources.settings import settings
from state import opened


def main(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
) -> None:
    """Print one line per model."""
    lake, declaration = opened()
    registry = registry_of(settings())
    end = last.date() if last else date.max
    for model in declaration.models:
        days = matured_days(lake, model, first.date(), end)
        scores = walk(lake, registry, model, days)
        print(f"{model.name}, as_of {days[0]} to {days[-1]}, {len(days)} days")
        for name, found in scores.items():
            print(f"  {name:<28} {line(found)}")


def matured_days(lake: Lake, model: MlModel, first: date, last: date) -> list[date]:
    """Return the days that have live predictions and labels."""
    time = quoted(model.time)
    rows = lake.rows(
        f"""select {time} as day from {quoted("ml", store.performance(model))}
        where {time} between ? and ? order by 1""",
        [first, last],
    )
    return [row["day"] for row in rows]


def walk(lake: Lake, registry: Registry, model: MlModel, days: list[date]) -> dict[str, Metrics]:
    """Score every day by what was live and by its peers, trained when it was."""
    found: dict[str, list[Floats]] = {}
    for version, group in groupby(days, key=lambda day: champion_on(lake, model.name, day)):
        rows = labelled(lake, model, list(group))
        for name, values in scored(lake, registry, model, version, rows).items():
            found.setdefault(name, []).append(values)
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    labels = joined.pop("label")
    return {name: model.target.measure(labels, values) for name, values in joined.items()}


def scored(
    lake: Lake, registry: Registry, model: MlModel, version: int | None, rows: pa.Table
) -> dict[str, Floats]:
    """Return labels and predictions of `rows` by the live version, its candidate and baselines."""
    promotion = lake.rows(
        """select p.as_of, p.candidate, v.recipe
        from ledger.promotions as p join ledger.versions as v using (model, version)
        where model = ? and version = ?""",
        [model.name, version],
    )[0]
    manifest = store.kept(lake, model, training_set.WHAT, promotion["as_of"])
    split = training_set.split_from(manifest, promotion["recipe"])
    parts, columns = training_set.rows_of(lake, model, manifest, split)
    baselines = fit_baselines(parts, columns, TrainConfig(seed=model.train.seed))
    models = {
        "live (refit)": registry.load(model.name, version or 0, model.train.declared),
        "candidate (same rows)": registry.load(
            model.name, promotion["candidate"], model.train.declared
        ),
        **baselines,
    }
    return {
        "label": columns.labels(rows),
        **{name: fitted.predict(rows) for name, fitted in models.items()},
    }


def line(found: Metrics) -> str:
    """Return a model's figures."""
    return "  ".join(f"{words(name)} {value:.4f}" for name, value in found.items() if value)


if __name__ == "__main__":
    typer.run(main)
