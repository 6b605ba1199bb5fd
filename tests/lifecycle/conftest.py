"""A small world of features and labels in a real lake, with a model that is declared over them.

800 customers buy again with a chance that depends on their visits; on FLIP the rule turns around.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import mlflow
import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

import ledger
from declaration import Features, Label, MlModel
from declared_learning import Gate, Retrain, Train
from lifecycle import (
    candidate,
    deciding,
    evaluation,
    losses,
    monitoring,
    promotion,
    scoring,
    training_set,
)
from resources.lake import Lake
from resources.mlflow_versions import point_mlflow_at
from resources.registry import Registry, registry_of
from resources.settings import Settings

START, FLIP, LAST = date(2024, 1, 1), date(2024, 4, 15), date(2024, 5, 20)
HORIZON = 7
CUSTOMERS = 800
THREADS = 1
CHANCE = ("written_at", "built", "turn", "row_ms")  # columns that no two runs have in common
FIRST_DECISION = START + timedelta(days=75)

MODEL = MlModel(
    name="repeat_purchase",
    file="models/exposures.yml",
    owner="growth@example.com",
    task="binary",
    entity="customer_id",
    time="as_of",
    features=Features(table="customer_features"),
    label=Label(table="customer_labels", column="repurchased", horizon_days=HORIZON),
    train=Train(window_days=120, every_days=3, min_rows=4000, recipes=("window", "change"), seed=7),
    gate=Gate(test_days=10, min_rows=500, slices=("country",)),
    retrain=Retrain(challenge_days=56),  # so that what a test sees is what it has caused
    features_schema="features",
    label_schema="features",
    features_checksum="made by customer_features",
    label_checksum="made by customer_labels",
)


def days(first: date, last: date) -> list[date]:
    """Every day from first to last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def generated() -> pa.Table:
    """One row per customer and day; the label's chance is no straight line of any feature."""
    rng = np.random.default_rng(11)
    span = days(START, LAST)
    rows = CUSTOMERS * len(span)
    visits, spend = rng.poisson(3, rows), rng.lognormal(3, 1, rows)
    as_of = np.repeat(np.array(span, "datetime64[D]"), CUSTOMERS)
    turned = np.where(as_of >= np.datetime64(FLIP), -1, 1)
    log_odds = turned * (1.2 - 0.9 * np.abs(visits - 3))
    return pa.table(
        {
            "customer_id": np.tile([f"c{n:03}" for n in range(CUSTOMERS)], len(span)),
            "as_of": as_of,
            "visits": pa.array(visits, pa.int32()),
            "spend": np.round(spend, 6),
            "country": np.tile(["DE", "FR"], rows // 2),
            "repurchased": pa.array((rng.random(rows) < expit(log_odds)).astype(int), pa.int32()),
        }
    )


def fill(lake: Lake, rows: pa.Table) -> None:
    """Write features of all days, and labels of those that have matured by the last."""

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("generated", rows)
        connection.execute(
            "create table features.customer_features as "
            "select * exclude repurchased from generated order by as_of, customer_id"
        )
        connection.execute(
            "create table features.customer_labels as select customer_id, as_of, repurchased "
            "from generated where as_of <= ? order by as_of, customer_id",
            [LAST - timedelta(days=HORIZON)],
        )
        connection.execute(
            """insert into ledger.partitions (table_name, day, rows, checksum, written_at, status)
            select name, as_of, count(*), 'made by ' || name, now(), 'passed'
            from generated, (values ('customer_features'), ('customer_labels')) as t (name)
            group by name, as_of"""
        )
        connection.unregister("generated")

    lake.transact(write)


@dataclass
class World:
    """The lifecycle's functions on one lake and one registry, as the assets call them."""

    lake: Lake
    registry: Registry
    model: MlModel = MODEL
    start: date = START
    flip: date = FLIP
    last: date = LAST
    first_decision: date = FIRST_DECISION

    def train(self, as_of: date) -> dict:
        """Run what a training run runs, and return the verdict."""
        training_set.build(self.lake, self.model, as_of)
        candidate.train(self.lake, self.registry, self.model, as_of, THREADS)
        evaluation.evaluate(self.lake, self.registry, self.model, as_of, THREADS)
        return promotion.judge(self.lake, self.registry, self.model, as_of, THREADS)

    def score(self, first: date, last: date) -> dict:
        """Predict every day of a span."""
        return scoring.predict(self.lake, self.registry, self.model, days(first, last))

    def measure(self, first: date, last: date) -> int:
        """Measure every day of a span."""
        return losses.measure(self.lake, self.model, days(first, last))

    def watch(self, as_of: date) -> monitoring.Watch:
        """Check the champion of a day."""
        return monitoring.watch(self.lake, self.registry, self.model, as_of)

    def decide(self, as_of: date, in_flight: bool = False):
        """Decide a day."""
        return deciding.decide(self.lake, self.model, as_of, in_flight)

    def live_through(self, first: date, last: date) -> None:
        """Score a span and measure what has matured by its end."""
        self.score(first, last)
        self.measure(first, last - timedelta(days=HORIZON))

    def hold(self, day: date) -> None:
        """Let a day's only delivery be held."""
        row = {"table_name": "order_lines", "day": day, "status": "held", "reason": "reject rate"}
        self.lake.transact(lambda connection: ledger.insert(connection, "deliveries", row))

    def release(self, day: date) -> None:
        """Take a hold back."""
        self.lake.transact(
            lambda c: c.execute("delete from ledger.deliveries where day = ?", [day])
        )

    def contents(self) -> dict[str, list[dict]]:
        """Every row that the lifecycle has written, but for when and in how many turns.

        Without sketches: they go with what they summarise, and come when they are asked for.
        """
        tables = self.lake.rows(
            """select table_schema as s, table_name as t from information_schema.tables
            where table_catalog = 'lake' and table_schema in ('ml', 'ledger')
            and table_name not in ('locks', 'sketches') order by 1, 2"""
        )
        return {
            f"{row['s']}.{row['t']}": [
                {k: v for k, v in found.items() if k not in CHANCE}
                for found in self.lake.rows(f'select * from "{row["s"]}"."{row["t"]}" order by all')
            ]
            for row in tables
        }


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    """The world's rows."""
    return generated()


@pytest.fixture(scope="session")
def registry(clean_environment, tmp_path_factory) -> Iterator[Registry]:
    """One MLflow for all worlds: making its database takes seconds."""
    before = mlflow.get_tracking_uri()
    yield registry_of(Settings(home=tmp_path_factory.mktemp("mlflow")))
    point_mlflow_at(before)


@pytest.fixture(scope="session")
def shop_model() -> MlModel:
    """The world's model."""
    return MODEL


@pytest.fixture(scope="session")
def make_world(rows, registry, tmp_path_factory) -> Callable[..., World]:
    """The maker of worlds in which nothing has been trained yet, by default with all rows."""

    def make(chosen: pa.Table = rows, model: MlModel = MODEL) -> World:
        folder = tmp_path_factory.mktemp("world")
        (folder / "data").mkdir()
        lake = Lake(catalog=f"sqlite:{folder}/c.sqlite", data=f"{folder}/data/", threads=2)
        ledger.prepare(lake)
        fill(lake, chosen)
        return World(lake, registry, model)

    return make


@pytest.fixture(scope="session")
def history(make_world) -> World:
    """A first model decided, trained and promoted, and what it predicted until the world's end."""
    world = make_world()
    world.decide(FIRST_DECISION)
    world.train(FIRST_DECISION)
    world.live_through(FIRST_DECISION + timedelta(days=1), LAST)
    return world


@pytest.fixture
def fresh(make_world) -> World:
    """A world of a test's own, without any model."""
    return make_world()
