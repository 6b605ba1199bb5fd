"""A shop whose true probabilities are known: how much of the possible gain do models reach?

    python -m bench.models.simulated [--home var/bench-shop]

Simulates the shop and builds its features with the platform, where `home` has none yet; about ten
minutes. Gain: what log loss falls by, from the base rate's towards that of the truth itself, both
in expectation over all labels that the true probabilities allow.
"""

import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer

from bench.models import boosting
from bench.models.rows import WEEK, Shop, parts, shop
from bench.models.tuning import TRIAL_DAYS, TRIALS
from bench.models.walk import SEEDS
from bench.results import MODEL_RESULTS, ROOT
from ml.baselines import fit_baselines
from ml.splits import Parts
from ml.tabular import TrainConfig
from ml.task import BINARY, Floats
from ml.tracker import NoTracker
from ml.training import fit

FIRST, DAYS, CUSTOMERS, SEED = date(2024, 1, 1), 455, 3000, 1
LAST = date(2025, 3, 30)
# As in the walk: tuned on days before those that judge. The shop's first year fills the windows.
VALIDATION, TEST = {date(2024, 11, 18): 4}, (date(2025, 1, 27), 7)
KEYS = pa.schema({"customer_id": pa.string(), "as_of": pa.date32(), "row": pa.int64()})
TRUTH = pa.schema([KEYS.field(0), KEYS.field(1), pa.field("probability_14d", pa.float64())])
SHARES = (1.0, 0.1)  # of the customers: what a shop of this size and of a tenth learns from


def prepared(home: Path) -> Path:
    """Simulate the shop and build its features; returns the file of true probabilities."""
    os.environ |= {
        "LEEWAY_HOME": str(home),
        "LEEWAY_LANDING": str(home / "landing"),
        "LEEWAY_START": str(FIRST),
    }
    from history import load_history
    from launch import held_lock
    from simulation import run
    from simulation.shop import Shop as Settings

    (home / "dagster").mkdir(parents=True, exist_ok=True)
    made = run.simulate(home / "landing", home / "truth", Settings(DAYS, CUSTOMERS, SEED))
    history = load_history(FIRST, LAST, print)
    with held_lock(history.settings.home):
        history.load()
    return made.truth


def measured(of: Shop, truth: pa.Table) -> list[dict[str, Any]]:
    """One entry for each share of the customers."""
    return [of_share(Shop(some(of.table, share), of.schema), truth, share) for share in SHARES]


def of_share(of: Shop, truth: pa.Table, share: float) -> dict[str, Any]:
    """Mean share of the possible gain that every model reaches, over seeds."""
    validation = [parts(of, decision, days, TRIAL_DAYS) for decision, days in VALIDATION.items()]
    settings, _ = boosting.tuned(validation, of.schema, TRIALS, seed=0)
    settings["learning_rate"] /= 2  # as in the tuning for the walk
    rows = parts(of, *TEST)
    chance, labels = chances(rows.test, truth), of.schema.labels(rows.train)
    gains: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        for name, predictions in predicted(rows, of, settings, seed).items():
            gains.setdefault(name, []).append(gain(chance, predictions, labels))
    found = {name: {"mean": float(np.mean(g)), "sd": float(np.std(g))} for name, g in gains.items()}
    return {"share": share, "train_rows": rows.train.num_rows, "gains": found}


def predicted(rows: Parts, of: Shop, settings: Mapping[str, Any], seed: int) -> dict[str, Floats]:
    """Predictions of the models that are compared, for the test rows."""
    config = TrainConfig(seed=seed)
    models = {
        "tabular": fit(rows.train, rows.holdout, of.schema, config, NoTracker()),
        "tuned": boosting.fit(rows, of.schema, settings, seed),
        "logistic": fit_baselines(rows, of.schema, config)["logistic"],
    }
    return {name: model.predict(rows.test) for name, model in models.items()}


def gain(chance: Floats, predictions: Floats, labels: Floats) -> float:
    """Share of the possible fall in expected log loss, from the training rows' base rate."""
    base = expected_loss(chance, np.full(len(chance), labels.mean()))
    return (base - expected_loss(chance, predictions)) / (base - expected_loss(chance, chance))


def expected_loss(chance: Floats, predictions: Floats) -> float:
    """Mean log loss over all labels that the true chances allow."""
    bought = BINARY.losses(np.ones(len(chance)), predictions)
    not_bought = BINARY.losses(np.zeros(len(chance)), predictions)
    return float((chance * bought + (1 - chance) * not_bought).mean())


def chances(test: pa.Table, truth: pa.Table) -> Floats:
    """The true probability of every test row, shape [rows]."""
    keys = test.select(["customer_id", "as_of"]).append_column(
        "row", pa.array(range(len(test)), pa.int64())
    )
    found = keys.cast(KEYS).join(truth.cast(TRUTH), list(KEYS.names[:2])).sort_by("row")
    if found["probability_14d"].null_count:
        raise ValueError(
            f"{found['probability_14d'].null_count} test rows have no true probability"
        )
    return found["probability_14d"].to_numpy()


def hashed(truth: pa.Table) -> pa.Table:
    """The truth with customers as the lake names them: by pseudonyms."""
    from ingestion.contract import pseudonyms
    from resources.settings import pii_key, settings

    names = map(pseudonyms(pii_key(settings())), truth["customer_id"].to_pylist())
    return truth.set_column(0, "customer_id", pa.array(names, pa.string()))


def some(table: pa.Table, share: float) -> pa.Table:
    """The rows of a share of the customers."""
    entities = pc.unique(table["customer_id"])
    chosen = np.random.default_rng(0).permutation(len(entities))[: round(share * len(entities))]
    return table.filter(pc.is_in(table["customer_id"], value_set=entities.take(pa.array(chosen))))


def main(home: Annotated[Path, typer.Option()] = ROOT / "var" / "bench-shop") -> None:
    """Measure and keep."""
    path = prepared(home.resolve())
    truth = hashed(pq.read_table(path, columns=["customer_id", "day", "probability_14d"]))
    of = shop(FIRST, TEST[0] + timedelta(WEEK * (TEST[1] - 1)))
    MODEL_RESULTS.keep("simulated", measured(of, truth.rename_columns({"day": "as_of"})))


if __name__ == "__main__":
    typer.run(main)
