"""Another dbt project, another domain, no Python changed: declaration, assets and real runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, Definitions

from declaration import Declaration
from declared import declared
from definitions import build
from launch import launch
from plan import over
from resources.dbt import manifest
from resources.lake import Lake, lake_of
from resources.settings import Settings

PROJECT = Path(__file__).parent / "projects" / "other"
DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(4)]


def land(landing: Path) -> None:
    """Four days of two sensors; one reading is impossible, and it freezes on the third day."""
    (landing / "readings").mkdir(parents=True)
    for day in DAYS:
        low = -5 if day == DAYS[2] else 5
        lines = [
            "Sensor,read_at,celsius,gardener",
            f"north,{day} 06:00:00,{low},Rosa",
            f"north,{day} 12:00:00,15,Rosa",
            f"south,{day} 06:00:00,12,Iris",
            f"south,{day} 12:00:00,999,Iris",
        ]
        (landing / "readings" / f"{day}.csv").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Greenhouse:
    """The project, materialized for four days."""

    declaration: Declaration
    definitions: Definitions
    instance: DagsterInstance
    lake: Lake


@pytest.fixture(scope="module")
def greenhouse(spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenhouse]:
    home = tmp_path_factory.mktemp("greenhouse")
    land(home / "landing")
    with pytest.MonkeyPatch.context() as patch, DagsterInstance.ephemeral() as instance:
        loaded = Settings(home=home, dbt_project_dir=PROJECT, threads=2)
        for name, value in loaded.environment.items():
            patch.setenv(name, value)
        (home / "lake" / "data").mkdir(parents=True)
        definitions = build(loaded)
        for request in (
            over("ingest", DAYS[0], DAYS[-1]),
            over("views", DAYS[0], DAYS[0]).with_replaced_attrs(partition_key=None),
            over("history", DAYS[0], DAYS[-1]),
        ):
            launch(definitions, instance, request)
        parsed = declared(manifest(loaded.home, PROJECT))
        yield Greenhouse(parsed, definitions, instance, lake_of(loaded))


def test_the_declaration_is_the_project_s(greenhouse) -> None:
    [table], [model] = greenhouse.declaration.tables, greenhouse.declaration.models
    assert (table.name, table.ingest.event_time) == ("readings", "read_at")
    assert (model.name, model.entity, model.label.horizon_days) == ("frost", "sensor", 2)
    assert greenhouse.declaration.start == DAYS[0]


def test_the_assets_are_the_project_s(greenhouse) -> None:
    graph = greenhouse.definitions.get_repository_def().asset_graph
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {
        "raw/readings",
        "staging/stg_greenhouse__readings",
        "features/sensor_days",
        "features/sensor_frosts",
        "frost/champion",
        "frost/drift",
    } <= keys
    assert not [key for key in keys if "order" in key or "customer" in key]


def test_its_files_are_taken_in_by_its_contract(greenhouse) -> None:
    [counts] = greenhouse.lake.rows(
        """select sum(rows_read)::integer as read, sum(rows_accepted)::integer as accepted
        from ledger.deliveries where table_name = 'readings'"""
    )
    rejected = greenhouse.lake.rows("select distinct _reasons from quarantine.readings")
    gardeners = greenhouse.lake.rows("select distinct gardener from raw.readings")
    assert counts == {"read": 16, "accepted": 12}
    assert rejected == [{"_reasons": ["celsius: in_range"]}]
    assert {len(row["gardener"]) for row in gardeners} == {32}


def test_its_features_are_built_for_every_day(greenhouse) -> None:
    found = greenhouse.lake.rows("select * from features.sensor_days order by day, sensor")
    assert len(found) == 8
    assert found[4] == {"sensor": "north", "day": DAYS[2], "readings": 2, "mean_celsius": 5.0}


def test_its_labels_are_built_for_the_days_that_have_matured(greenhouse) -> None:
    found = greenhouse.lake.rows("select * from features.sensor_frosts order by sensor, day")
    assert [(row["sensor"], row["day"], row["froze"]) for row in found] == [
        ("north", DAYS[0], 1),
        ("north", DAYS[1], 1),
        ("south", DAYS[0], 0),
        ("south", DAYS[1], 0),
    ]


def test_every_day_was_made_by_one_version_of_its_model(greenhouse) -> None:
    found = greenhouse.lake.rows(
        """select table_name, count(*) as days, count(distinct checksum) as versions
        from ledger.partitions group by table_name order by table_name"""
    )
    assert found == [
        {"table_name": "sensor_days", "days": 4, "versions": 1},
        {"table_name": "sensor_frosts", "days": 2, "versions": 1},
    ]


def test_the_checksum_that_dbt_writes_is_the_one_that_the_declaration_expects(greenhouse) -> None:
    [model] = greenhouse.declaration.models
    found = greenhouse.lake.rows("select distinct table_name, checksum from ledger.partitions")
    assert {row["table_name"]: row["checksum"] for row in found} == {
        "sensor_days": model.features_checksum,
        "sensor_frosts": model.label_checksum,
    }


def told_of_columns(greenhouse: Greenhouse, *key: str) -> dict[str | None, Mapping[str, Any]]:
    """Metadata of columns by partition, of those materializations that have some."""
    records = greenhouse.instance.fetch_materializations(AssetKey(key), limit=50).records
    events = [record.event_log_entry.dagster_event for record in records]
    found = {e.partition: e.step_materialization_data.materialization.metadata for e in events}
    return {day: told for day, told in found.items() if "dagster/column_lineage" in told}


def test_the_newest_day_tells_what_features_are_computed_from(greenhouse) -> None:
    [(day, told)] = told_of_columns(greenhouse, "features", "sensor_days").items()
    assert day == str(DAYS[-1])
    lineage = told["dagster/column_lineage"].value.deps_by_column
    [dep] = lineage["mean_celsius"]
    assert (dep.asset_key.path, dep.column_name) == (
        ["staging", "stg_greenhouse__readings"],
        "celsius",
    )
    columns = {column.name: column for column in told["dagster/column_schema"].value.columns}
    assert columns["mean_celsius"].type == "double"


def test_a_view_tells_which_raw_columns_it_renames(greenhouse) -> None:
    [told] = told_of_columns(greenhouse, "staging", "stg_greenhouse__readings").values()
    [dep] = told["dagster/column_lineage"].value.deps_by_column["celsius"]
    assert (dep.asset_key.path, dep.column_name) == (["raw", "readings"], "celsius")
