"""A changed dbt model is merged: the champion keeps its own features until another one is live."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from dagster import DagsterInstance, materialize

import ledger
from assets.features import feature_assets
from assets.partitions import daily, days_between
from declaration import MlModel
from declared import declared
from errors import NeededColumnError, NoEvidenceError
from lifecycle import (
    candidate,
    deciding,
    evaluation,
    losses,
    monitoring,
    move,
    promotion,
    scoring,
    training_set,
)
from lifecycle.feature_versions import kept
from lifecycle.loaded import fitted_of
from lifecycle.move import OVER, move_of
from ml.policy import Decision
from resources.dbt import dbt_project, dbt_resource, manifest
from resources.lake import Lake, lake_of
from resources.registry import Registry
from resources.settings import CHECKOUT, Settings

PROJECT = Path(__file__).parents[1] / "projects" / "orders"
START, DECISION, LAST = date(2024, 3, 1), date(2024, 3, 30), date(2024, 4, 20)
CUSTOMERS, HORIZON = 200, timedelta(days=2)
ONE_DAY = timedelta(days=1)
TABLE = "customer_days"


def visits() -> pa.Table:
    """A row per customer and day; what is spent next day depends on pages, in no straight line."""
    span, random = days_between(START, LAST), np.random.default_rng(5)
    pages = random.poisson(3, (len(span), CUSTOMERS))
    channel = random.integers(2, size=pages.shape)
    wanted = 100 + 40 * np.abs(pages - 3) + 30 * channel + 15 * random.normal(size=pages.shape)
    spent = np.vstack([wanted[:1], wanted[:-1]]) + 10 * random.random(pages.shape)
    return pa.table(
        {
            "customer": np.tile([f"c{n:03}" for n in range(CUSTOMERS)], len(span)),
            "day": np.repeat(np.array(span, "datetime64[D]"), CUSTOMERS),
            "pages": pa.array(pages.ravel(), pa.int32()),
            "channel": np.array(["web", "shop"])[channel].ravel(),
            "minutes": random.lognormal(2, 1, pages.size),
            "spent": spent.ravel() / 2,
        }
    )


class Shop:
    """A copy of the project on a lake of its own, and one model that is declared over it."""

    def __init__(self, folder: Path, registry: Registry, instance: DagsterInstance) -> None:
        self.project, self.registry, self.instance = folder / "orders", registry, instance
        shutil.copytree(PROJECT, self.project)
        self.edit(
            "dbt_project.yml", "../../../dbt_project/macros", f"{CHECKOUT}/dbt_project/macros"
        )
        path = self.project / "models" / "models.yml"
        said = yaml.safe_load(path.read_text())
        said["exposures"] = [e for e in said["exposures"] if e["name"] == "order_value"]
        said["exposures"][0]["config"]["meta"]["model"] |= {"trial": {"days": 5}}
        path.write_text(yaml.safe_dump(said, sort_keys=False))
        self.settings = Settings(home=folder, dbt_project_dir=self.project, threads=2)
        (folder / "lake" / "data").mkdir(parents=True)
        self.lake: Lake = lake_of(self.settings)
        ledger.prepare(self.lake)
        self.fill(visits())

    def fill(self, rows: pa.Table) -> None:
        def write(connection) -> None:
            connection.register("generated", rows)
            connection.execute("create table raw.visits as from generated")
            connection.execute(
                """insert into ledger.deliveries (table_name, day, delivery, status, known_from)
                select distinct 'visits', day, day::varchar, 'published', day from generated"""
            )

        self.lake.transact(write)

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the project, as a merge does."""
        path = self.project / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def declare(self, change: Callable[[list[dict]], None]) -> None:
        """Change the declared columns of the features."""
        path = self.project / "models" / "models.yml"
        said = yaml.safe_load(path.read_text())
        change(said["models"][0]["columns"])
        path.write_text(yaml.safe_dump(said, sort_keys=False))

    @property
    def model(self) -> MlModel:
        """The model as a process has it that reads the project now."""
        [model] = declared(manifest(self.settings.home, self.settings.dbt_project_dir)).models
        return model

    def build(self, first: date, last: date) -> None:
        """Materialize features and labels of a span, as the jobs do."""
        parsed = manifest(self.settings.home, self.settings.dbt_project_dir)
        project = dbt_project(self.settings)
        asset = feature_assets(parsed, project, daily(START, "UTC"), [self.model], self.settings)
        tags = {
            "dagster/asset_partition_range_start": str(first),
            "dagster/asset_partition_range_end": str(last),
        }
        resources = {"lake": self.lake, "dbt": dbt_resource(self.settings)}
        materialize([asset], instance=self.instance, resources=resources, tags=tags)

    def train(self, as_of: date) -> dict:
        """Run what a training run runs, and return the verdict."""
        training_set.build(self.lake, self.model, as_of)
        candidate.train(self.lake, self.registry, self.model, as_of, 1)
        evaluation.evaluate(self.lake, self.registry, self.model, as_of, 1)
        return promotion.judge(self.lake, self.registry, self.model, as_of, 1)

    def score(self, first: date, last: date) -> scoring.Scored:
        return scoring.predict(self.lake, self.registry, self.model, days_between(first, last))

    def watch(self, as_of: date) -> monitoring.Watch:
        losses.measure(self.lake, self.model, days_between(START, as_of - HORIZON))
        return monitoring.watch(self.lake, self.registry, self.model, as_of)

    def decide(self, as_of: date) -> Decision:
        return deciding.decide(self.lake, self.model, as_of, False)

    def features(self, table: str, day: date) -> list[dict]:
        return self.lake.rows(f"from features.{table} where day = ? order by customer", [day])

    def predictions(self, day: date) -> list[dict]:
        query = "from ml.order_value_predictions where day = ? order by customer"
        return self.lake.rows(query, [day])

    def checksums(self) -> dict[str, tuple[date, date, int]]:
        """First day, last day and number of days of every features table by checksum."""
        return {
            row["made"]: (row["first"], row["last"], row["days"])
            for row in self.lake.rows(
                """select table_name || ' ' || checksum as made, min(day) as first,
                    max(day) as last, count(*) as days
                from ledger.partitions where table_name like 'customer_days%' group by all"""
            )
        }


@pytest.fixture(scope="module")
def shop(registry, tmp_path_factory) -> Iterator[Shop]:
    """A champion that learned from the project's SQL, live for a week."""
    folder = tmp_path_factory.mktemp("move")
    with pytest.MonkeyPatch.context() as patch, DagsterInstance.ephemeral() as instance:
        made = Shop(folder, registry, instance)
        for name, value in made.settings.environment.items():
            patch.setenv(name, value)
        made.build(START, DECISION + 7 * ONE_DAY)
        deciding.decide(made.lake, made.model, DECISION, False)
        assert made.train(DECISION)["promoted"]
        made.score(DECISION + ONE_DAY, DECISION + 7 * ONE_DAY)
        yield made


def test_the_move_ends_in_one_version_of_the_features(shop: Shop) -> None:
    day, old = DECISION + 7 * ONE_DAY, shop.model.features_checksum
    before = shop.predictions(day)
    shop.edit("models/customer_days.sql", "visits.pages,", "visits.pages - 3 as pages,")
    new = shop.model.features_checksum
    assert new != old
    shop.build(day - 3 * ONE_DAY, day + ONE_DAY)

    done = shop.score(day, day + ONE_DAY)
    assert (done.skipped, done.other_code, done.days) == ({}, (), 2)
    assert shop.predictions(day) == before  # to the bit
    noted = shop.lake.rows(
        "select distinct features from ml.order_value_scoring where day >= ?", [day]
    )
    assert noted == [{"features": old}]
    assert {row["pages"] for row in shop.features(TABLE, day)} != {
        row["pages"] for row in shop.features(f"{TABLE}__{old[:8]}", day)
    }
    watch = shop.watch(day + ONE_DAY)
    assert not watch.findings
    assert {check.name for check in watch.checks if not check.passed} == set()
    decision = shop.decide(day + ONE_DAY)
    assert decision.kind == "wait"
    assert decision.pending == ("schedule: 8 days since the last training",)
    assert f"{TABLE} is made by different dbt models" in decision.reasons[0]
    with pytest.raises(NoEvidenceError, match="made by different dbt models"):
        training_set.build(shop.lake, shop.model, day + ONE_DAY)

    shop.build(START, day + 2 * ONE_DAY)
    shop.score(day + 2 * ONE_DAY, day + 2 * ONE_DAY)
    shop.watch(day + 2 * ONE_DAY)
    decision = shop.decide(day + 2 * ONE_DAY)
    assert decision.kind == "retrain"
    assert decision.reasons[0] == (
        f"features changed: {TABLE} is made by {new[:8]}, version 2 learned from {old[:8]}"
    )
    verdict = shop.train(day + 2 * ONE_DAY)
    assert verdict["promoted"], verdict["reasons"]
    assert any("to lose less than 2% is enough" in reason for reason in verdict["reasons"])
    [gain] = [c["value"] for c in verdict["checks"] if c["name"] == "gain over champion"]
    assert abs(gain) < 0.1  # by the other's features the champion would lose by far
    assert move_of(shop.lake, shop.model).stands == f"version 2 (shadow) knows {old[:8]}, beside it"
    assert move.end(shop.lake, [shop.model]) == []  # the shadow is on trial

    first, last = day + 3 * ONE_DAY, day + 9 * ONE_DAY  # the trial's last look has matured
    shop.build(first, last)
    assert not shop.score(first, last).shadow
    query = "select distinct role, features from ml.order_value_scoring where day >= ? order by 1"
    assert shop.lake.rows(query, [first]) == [
        {"role": "champion", "features": new},
        {"role": "shadow", "features": old},
    ]
    shop.watch(last)
    assert not shop.decide(last).evidence.features_changed

    assert move.end(shop.lake, [shop.model]) == [f"{TABLE}__{old[:8]}"]
    assert shop.checksums() == {f"{TABLE} {new}": (START, last, (last - START).days + 1)}
    assert move_of(shop.lake, shop.model).stands == OVER
    assert kept(shop.lake, TABLE, old)  # a rollback may want it


def retyped(columns: list[dict]) -> None:
    columns[2] |= {"data_type": "bigint"}


def renamed(columns: list[dict]) -> None:
    columns[2] |= {"name": "views"}


@pytest.mark.parametrize(("change", "is_now"), [(retyped, "BIGINT"), (renamed, "gone")])
def test_a_column_that_a_live_version_needs_stays(shop: Shop, change, is_now: str) -> None:
    snapshot, before = shop.lake.snapshot(), shop.model
    shop.declare(change)
    told = rf"order_value version \d+ \(champion\) .*{TABLE}\.pages as INTEGER.* is {is_now} now"
    with pytest.raises(NeededColumnError, match=told):
        shop.build(LAST, LAST)
    assert shop.lake.snapshot() == snapshot
    shop.declare(lambda columns: columns[2].update({"name": "pages", "data_type": "integer"}))
    assert shop.model == before


def test_an_added_column_reaches_the_next_candidate(shop: Shop) -> None:
    shop.edit(
        "models/customer_days.sql", "visits.channel,", "visits.channel, length(channel) as letters,"
    )
    shop.declare(lambda columns: columns.insert(4, {"name": "letters", "data_type": "bigint"}))
    as_of = DECISION + 18 * ONE_DAY
    shop.build(START, as_of)
    assert shop.score(as_of, as_of).other_code == ()
    manifest = training_set.build(shop.lake, shop.model, as_of)
    assert manifest["columns"]["letters"] == "BIGINT"
    made = candidate.train(shop.lake, shop.registry, shop.model, as_of, 1)
    fitted = fitted_of(shop.registry, shop.model, made["window"]["version"])
    assert "letters" in fitted.schema.numeric
