"""`dbt build --target dev`: an analyst's build stays in the analyst's own schema."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import ledger
from resources.dbt import DBT, install_extensions
from resources.lake import lake_of
from resources.settings import CHECKOUT, Settings

PROJECT = CHECKOUT / "dbt_project"
RAW = """create table raw.order_lines (
    invoice varchar, stock_code varchar, description varchar, quantity integer,
    invoice_date timestamp, price decimal(18,4), customer_id varchar, country varchar,
    _day date, _delivery varchar, _line bigint)"""
DAYS = ("--event-time-start", "2020-03-01", "--event-time-end", "2020-03-04")


def dbt(home: Path, schema: str, *arguments: str, **variables: str) -> str:
    """What a dbt of its own prints: the manifest that tests share has production's schemas."""
    folders = (
        "--project-dir",
        PROJECT,
        "--profiles-dir",
        PROJECT,
        "--target-path",
        home / "t",
    )
    environment = {"LEEWAY_HOME": str(home), "LEEWAY_DEV_SCHEMA": schema, **variables}
    done = subprocess.run(
        [DBT, *arguments, *folders, "--log-path", home / "t"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def everything(shop, schemas: str) -> dict[str, Any]:
    """Every table and view of schemas, with its rows or its definition."""
    tables = shop.execute(
        "select table_schema, table_name from information_schema.tables "
        f"where table_catalog = 'lake' and regexp_matches(table_schema, '{schemas}') order by all"
    )
    rows = {
        f"{schema}.{name}": shop.execute(f'from lake."{schema}"."{name}" order by all')
        for schema, name in tables
    }
    views = (
        "select schema_name, view_name, sql from duckdb_views() where database_name = 'lake' and "
    )
    found = shop.execute(f"{views} regexp_matches(schema_name, '{schemas}') order by all")
    return {**rows, "views": found}


@pytest.fixture
def built(shop):
    """A shop whose production tables have been built."""
    shop.deliver_empty("2020-02-01", "2020-03-31")
    for day in ("2020-02-11", "2020-03-03"):
        shop.deliver(day, ("ann", "00001", 5), ("ben", "00002", 1), known_from=day)
    shop.build("2020-03-01", "2020-03-03")
    return shop


def test_a_dev_build_leaves_production_and_its_ledger_alone(built) -> None:
    production = "^(raw|staging|features|ledger)$"
    before = everything(built, production)
    said = dbt(built.home, "dev_ann", "build", "--target", "dev", *DAYS)
    assert "Completed successfully" in said, said
    assert everything(built, production) == before

    own = everything(built, "^dev_ann$")
    days = {(row[0], str(row[1]), row[5]) for row in own["dev_ann.partitions"]}
    assert ("customer_features", "2020-03-03", "passed") in days
    assert len(own["dev_ann.customer_features"]) > len(before["features.customer_features"])
    assert {name for _, name, _ in own["views"]} >= {"int_customer_days", "int_order_lines"}


def test_a_failed_test_of_a_dev_build_alerts_nobody_else(built) -> None:
    dbt(built.home, "dev_ann", "build", "--target", "dev", *DAYS)
    built.execute("update lake.dev_ann.customer_features set recency_days = 90")
    tests = ("--select", "customer_features", "--resource-type", "test")
    said = dbt(built.home, "dev_ann", "build", "--target", "dev", *tests, *DAYS)
    assert "in_range_customer_features_recency_days" in said
    assert len(built.execute("from lake.dev_ann.alerts")) == 3
    assert built.execute("from lake.ledger.alerts") == []


def test_a_schema_of_production_is_refused(built) -> None:
    before = everything(built, "^(features|ledger)$")
    said = dbt(built.home, "features", "build", "--target", "dev", *DAYS)
    assert "the target dev writes to the schema features, which is production's" in said
    assert everything(built, "^(features|ledger)$") == before


def test_it_works_on_a_catalog_in_postgres(postgres, tmp_path: Path) -> None:
    catalog = f"postgres:{postgres.libpq(postgres.database())}"
    loaded = Settings(home=tmp_path, lake_catalog=catalog)
    (tmp_path / "lake" / "data").mkdir(parents=True)
    install_extensions(loaded)
    lake = lake_of(loaded)
    ledger.prepare(lake)
    lake.transact(lambda connection: connection.execute(RAW))
    days = {"LEEWAY_LAKE_CATALOG": catalog, "LEEWAY_LAKE_DATA": loaded.lake_data}
    said = dbt(tmp_path, "dev_ann", "run", "--target", "dev", **days)
    assert "Completed successfully" in said, said
    made = lake.rows(
        "select table_name as name from information_schema.tables where table_schema = 'dev_ann'"
    )
    assert {"customer_features", "partitions", "alerts"} <= {row["name"] for row in made}
    assert (
        lake.rows("select 1 from information_schema.tables where table_schema = 'features'") == []
    )
