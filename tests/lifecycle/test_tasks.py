"""Models of classes and of a number, from the dbt project's declaration to what is watched."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import ledger
from assets.partitions import days_between
from chronicle import live_on
from declaration import MlModel
from declared import declared
from errors import RegistryError, UnsoundRowsError
from examples import features, labelled
from lifecycle import (
    candidate,
    card,
    deciding,
    evaluation,
    guard,
    losses,
    monitoring,
    promotion,
    scoring,
    store,
    training_set,
)
from lifecycle.reproduce import reproduce
from ml.reproduction import Outcome
from resources.dbt import DBT, dbt_project
from resources.lake import Lake, lake_of
from resources.mlflow_versions import point_mlflow_at
from resources.registry import Registry
from resources.settings import Settings

PROJECT = Path(__file__).parents[1] / "projects" / "orders"
START, DECISION, MOVED, LAST = (
    date(2024, 3, 1), date(2024, 3, 30), date(2024, 4, 4), date(2024, 4, 10),
)  # fmt: skip
CUSTOMERS, HORIZON = 200, timedelta(days=2)


@dataclass(frozen=True)
class Shop:
    """A lake that dbt has built, and one of the models that are declared over it."""

    lake: Lake
    registry: Registry
    model: MlModel

    def rows(self, table: str) -> list[dict]:
        return self.lake.rows(f'select * from "ml"."{table}" order by all')


def visits() -> pa.Table:
    """A row per customer and day; how much is spent next day depends on pages, in no straight line.

    On MOVED everybody begins to look at more pages.
    """
    span, random = days_between(START, LAST), np.random.default_rng(5)
    pages = random.poisson(3, (len(span), CUSTOMERS))
    channel = random.integers(2, size=pages.shape)
    wanted = 100 + 40 * np.abs(pages - 3) + 30 * channel + 15 * random.normal(size=pages.shape)
    spent = np.vstack([wanted[:1], wanted[:-1]]) + 10 * random.random(pages.shape)
    moved = np.array(span) >= MOVED
    return pa.table(
        {
            "customer": np.tile([f"c{n:03}" for n in range(CUSTOMERS)], len(span)),
            "day": np.repeat(np.array(span, "datetime64[D]"), CUSTOMERS),
            "pages": pa.array((pages + 6 * moved[:, None]).ravel(), pa.int32()),
            "channel": np.array(["web", "shop"])[channel].ravel(),
            "minutes": random.lognormal(2, 1, pages.size),
            "spent": spent.ravel() / 2,
        }
    )


def fill(lake: Lake, rows: pa.Table) -> None:
    """Put raw rows into the lake, one delivery a day."""

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("generated", rows)
        connection.execute("create table raw.visits as from generated")
        connection.execute(
            """insert into ledger.deliveries (table_name, day, delivery, status, known_from)
            select distinct 'visits', day, day::varchar, 'published', day from generated"""
        )

    lake.transact(write)


@pytest.fixture(scope="module")
def built(registry, tmp_path_factory) -> dict[str, Shop]:
    """Features and labels by dbt, and the models that the project declares."""
    home = tmp_path_factory.mktemp("orders")
    loaded = Settings(home=home, dbt_project_dir=PROJECT, threads=2)
    (home / "lake" / "data").mkdir(parents=True)
    lake, dbt = lake_of(loaded), dbt_project(loaded)
    ledger.prepare(lake)
    fill(lake, visits())
    command = [DBT, "build", "--project-dir", PROJECT, "--profiles-dir", dbt.profiles_dir]
    command += ["--target-path", dbt.target_path, "--event-time-start", str(START)]
    command += ["--event-time-end", str(LAST + timedelta(days=1))]
    environment = {**os.environ, **loaded.environment, "DBT_LOG_PATH": str(home / "logs")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    parsed = json.loads((dbt.target_path / "manifest.json").read_text())
    return {model.name: Shop(lake, registry, model) for model in declared(parsed).models}


@pytest.fixture(scope="module", params=["order_size", "order_value"])
def shop(built: dict[str, Shop], request: pytest.FixtureRequest) -> Shop:
    """A model that was trained, judged and promoted, and has been live since."""
    found = built[request.param]
    lake, registry, model = found.lake, found.registry, found.model
    deciding.decide(lake, model, DECISION, False)
    training_set.build(lake, model, DECISION)
    candidate.train(lake, registry, model, DECISION, 1)
    evaluation.evaluate(lake, registry, model, DECISION, 1)
    promotion.judge(lake, registry, model, DECISION, 1)
    span = days_between(DECISION + timedelta(days=1), LAST)
    scoring.predict(lake, registry, model, span)
    losses.measure(lake, model, [day for day in span if day <= LAST - HORIZON])
    return found


def test_the_first_model_is_promoted_and_its_verdict_names_the_loss_of_the_task(shop) -> None:
    verdict = ledger.verdict_on(shop.lake, shop.model.name, DECISION)
    assert verdict["promoted"], verdict["reasons"]
    words = {"order_size": "log loss", "order_value": "squared error"}[shop.model.name]
    assert f"recipe window: {words}" in verdict["reasons"][0]


def test_all_baselines_are_measured_on_the_same_rows(shop) -> None:
    kept = store.kept(shop.lake, shop.model, evaluation.WHAT, DECISION)["metrics"]
    target = shop.model.target
    assert {"candidate window", "base_rate", target.linear_name, "lightgbm"} == kept.keys()
    assert len({metrics["rows"] for metrics in kept.values()}) == 1
    assert kept["candidate window"][target.metric] < 0.95 * kept["base_rate"][target.metric]


def test_predictions_have_a_column_for_each_number_that_is_predicted(shop) -> None:
    rows = shop.lake.read(f"from ml.{shop.model.name}_predictions order by day, customer")
    target = shop.model.target
    assert rows.num_rows == CUSTOMERS * (LAST - DECISION).days
    assert rows.column_names == ["customer", "day", *target.columns, "version"]
    assert target.valid(target.untable(rows)).all()


def test_a_day_s_loss_is_that_of_its_matured_rows(shop) -> None:
    day, model, target = DECISION + timedelta(days=1), shop.model, shop.model.target
    rows = labelled(shop.lake, model, [day])
    query = f"from ml.{model.name}_predictions where day = ? order by customer"
    predictions = target.untable(shop.lake.read(query, [day]))
    if model.task == "multiclass":
        names = np.array(model.label.classes)[:, None]
        chosen = (names == rows["size"].to_numpy(zero_copy_only=False)).argmax(axis=0)
        expected = -np.log(predictions[np.arange(len(chosen)), chosen])
    else:
        expected = (rows["spent"].to_numpy() - predictions) ** 2
    kept = shop.lake.rows(f"select * from ml.{model.name}_performance order by day")
    assert [row["day"] for row in kept] == days_between(day, LAST - HORIZON)
    assert kept[0]["rows"] == CUSTOMERS
    assert kept[0]["mean_loss"] == pytest.approx(expected.mean())
    assert kept[0]["sd_loss"] == pytest.approx(expected.std(ddof=1))


def test_the_watch_sees_what_moves_features_and_predictions(shop) -> None:
    found = {c.name: c for c in monitoring.watch(shop.lake, shop.registry, shop.model, LAST).checks}
    assert not found["features"].passed
    assert not found["prediction"].passed
    assert set(found["prediction"].sums) <= set(shop.model.target.columns)
    expected = found["estimated_performance"].reason
    assert ("does not say how wrong" in expected) == (shop.model.task == "regression")


def test_a_version_is_trained_again_to_the_bit(shop) -> None:
    version = ledger.champion_on(shop.lake, shop.model.name, LAST)
    again = reproduce(shop.lake, shop.registry, shop.model, version)
    assert again.outcome is Outcome.BITS, again.told


def test_mlflow_serves_what_the_lake_has(shop) -> None:
    day, target = DECISION + timedelta(days=1), shop.model.target
    version = ledger.champion_on(shop.lake, shop.model.name, day)
    point_mlflow_at(shop.registry.uri)
    served = mlflow.pyfunc.load_model(f"models:/{shop.model.name}/{version}")
    rows = features(shop.lake, shop.model, [day])
    found = served.predict(rows.select(["pages", "channel", "minutes"]).to_pandas())
    query = f"from ml.{shop.model.name}_predictions where day = ? order by customer"
    kept = target.untable(shop.lake.read(query, [day]))
    assert np.array_equal(np.asarray(found), kept)
    assert served.metadata.signature.outputs.input_names() == (
        list(target.columns) if shop.model.label.classes else [0]
    )
    assert isinstance(found, pd.DataFrame) == bool(shop.model.label.classes)


def test_a_version_of_another_task_is_not_taken_for_one_of_the_model(shop, built) -> None:
    [other] = [each.model for each in built.values() if each.model.name != shop.model.name]
    changed = shop.model.model_copy(update={"task": other.task, "label": other.label})
    day = DECISION + timedelta(days=1)
    with pytest.raises(RegistryError, match=f"declares {other.task} .*: what predicts something"):
        scoring.predict(shop.lake, shop.registry, changed, [day])


def test_the_day_and_the_version_are_told_in_the_words_of_the_task(shop) -> None:
    served = live_on(shop.lake, shop.registry, shop.model, DECISION + timedelta(days=1)).served
    assert served.mean_prediction.keys() == set(shop.model.target.columns)
    version = ledger.champion_on(shop.lake, shop.model.name, LAST)
    assert version in card.publish(shop.lake, shop.registry, shop.model, DECISION)
    query = "select mlflow_run from ledger.versions where model = ? and version = ?"
    run = shop.lake.rows(query, [shop.model.name, version])[0]["mlflow_run"]
    page = shop.registry.read(run, card.DOCUMENT)
    assert shop.model.target.what.format(label=shop.model.label.column) in page
    assert shop.model.target.unit in page


def wrong_class(rows: pa.Table) -> pa.Table:
    sizes = pa.array(["huge", *rows["size"].to_pylist()[1:]])
    return rows.set_column(rows.column_names.index("size"), "size", sizes)


def wrong_number(rows: pa.Table) -> pa.Table:
    spent = pa.array([None, *rows["spent"].to_pylist()[1:]], pa.float64())
    return rows.set_column(rows.column_names.index("spent"), "spent", spent)


@pytest.mark.parametrize(
    ("name", "spoil", "rule"),
    [
        ("order_size", wrong_class, "size breaks label of multiclass in 1 rows"),
        ("order_value", wrong_number, "spent breaks not_null in 1 rows"),
    ],
)
def test_rows_with_a_label_that_is_none_teach_nothing(
    built, name: str, spoil: Callable[[pa.Table], pa.Table], rule: str
) -> None:
    shop = built[name]
    rows = labelled(shop.lake, shop.model, [START])
    guard.require_sound(rows, shop.model)
    with pytest.raises(UnsoundRowsError, match=rule):
        guard.require_sound(spoil(rows), shop.model)
