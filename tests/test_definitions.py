"""The code location of the default project: what is in it, and how its parts hang together."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetCheckKey, AssetKey, RepositoryDefinition

from definitions import build
from errors import SetupError
from resources.settings import CHECKOUT, Settings, require_landing
from resources.spark import spark_resource

MODEL = "repeat_purchase"
ASSETS = [
    "features/customer_features",
    "features/customer_labels",
    "ledger/deliveries",
    "raw/order_lines",
    f"{MODEL}/candidate",
    f"{MODEL}/champion",
    f"{MODEL}/decision",
    f"{MODEL}/drift",
    f"{MODEL}/evaluation",
    f"{MODEL}/performance",
    f"{MODEL}/predictions",
    f"{MODEL}/training_set",
    "staging/int_customer_days",
    "staging/int_customer_product_days",
    "staging/int_order_lines",
    "staging/stg_shop__order_lines",
]
JOBS = [
    "audit",
    "backfill",
    "daily",
    "features",
    "history",
    "ingest",
    f"{MODEL}_decision",
    f"{MODEL}_maturing",
    f"{MODEL}_measuring",
    f"{MODEL}_monitoring",
    f"{MODEL}_scoring",
    f"{MODEL}_training",
    "upkeep",
    "views",
]
SENSORS = [
    "alerts",
    "run_failures",
    "daily_chain",
    "landing_arrivals",
    f"{MODEL}_retrain_on_drift",
    "project_changes",
    "stale_features",
]
HEAVY = [  # loaded where they are used: each costs every run's process time and memory
    "apprise", "evidently", "lightgbm", "matplotlib", "mlflow", "numpy", "pandas", "pandera",
    "pyarrow", "pyspark", "scipy", "sklearn", "tabm", "torch",
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An empty home, its landing folder there."""
    home = tmp_path_factory.mktemp("definitions")
    (home / "landing").mkdir()
    return Settings(home=home)


@pytest.fixture(scope="module")
def repository(loaded: Settings) -> Iterator[RepositoryDefinition]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in loaded.environment.items():
            patch.setenv(name, value)
        yield build(loaded).get_repository_def()


def test_every_asset_is_known_here(repository) -> None:
    keys = repository.asset_graph.get_all_asset_keys()
    assert sorted(key.to_user_string() for key in keys) == ASSETS


def test_loading_imports_nothing_heavy_and_opens_no_lake(repository, loaded: Settings) -> None:
    code = f"""
import sys, definitions
definitions.defs().get_repository_def().load_all_definitions()
print([name for name in {HEAVY} if name in sys.modules])
"""
    paths = os.pathsep.join(str(CHECKOUT / folder) for folder in ("platform", "."))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **loaded.environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr
    assert not list((loaded.home / "lake").rglob("*.sqlite"))


def test_every_job_sensor_and_schedule_is_known_here(repository) -> None:
    jobs = {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"}
    assert sorted(jobs) == sorted(JOBS)
    assert sorted(sensor.name for sensor in repository.sensor_defs) == sorted(SENSORS)
    schedules = [schedule.name for schedule in repository.schedule_defs]
    assert schedules == ["daily", "weekly_audit", "weekly_upkeep"]


def upstream(repository, key: str) -> set[str]:
    """Every asset that a key descends from."""
    graph, found = repository.asset_graph, set()
    left = [AssetKey.from_user_string(key)]
    while left:
        for parent in graph.get(left.pop()).parent_keys:
            if parent.to_user_string() not in found:
                found.add(parent.to_user_string())
                left.append(parent)
    return found


@pytest.mark.parametrize(
    ("asset", "parent"),
    [
        ("staging/stg_shop__order_lines", "raw/order_lines"),
        ("features/customer_features", "staging/stg_shop__order_lines"),
        ("features/customer_labels", "staging/stg_shop__order_lines"),
        (f"{MODEL}/training_set", "features/customer_features"),
        (f"{MODEL}/training_set", "features/customer_labels"),
        (f"{MODEL}/candidate", f"{MODEL}/training_set"),
        (f"{MODEL}/evaluation", f"{MODEL}/candidate"),
        (f"{MODEL}/champion", f"{MODEL}/evaluation"),
        (f"{MODEL}/predictions", f"{MODEL}/champion"),
        (f"{MODEL}/performance", f"{MODEL}/predictions"),
        (f"{MODEL}/drift", f"{MODEL}/predictions"),
        (f"{MODEL}/decision", f"{MODEL}/drift"),
        (f"{MODEL}/decision", "raw/order_lines"),
    ],
)
def test_lineage_runs_from_raw_rows_to_the_decision(repository, asset: str, parent: str) -> None:
    assert parent in upstream(repository, asset)


def test_few_assets_have_days_and_no_view_has(repository) -> None:
    graph = repository.asset_graph
    with_days = {
        key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned
    }
    assert not [key for key in with_days if key.startswith("staging/")]
    assert {"raw/order_lines", "features/customer_features"} <= with_days


def test_drift_has_a_check_for_every_kind_of_evidence(repository) -> None:
    checks = repository.asset_graph.get_check_keys_for_assets({AssetKey([MODEL, "drift"])})
    assert {check.name for check in checks} == {
        "features", "prediction", "label", "performance", "estimated_performance", "incidents",
    }  # fmt: skip


def test_only_its_own_job_runs_the_audit(repository) -> None:
    audit = AssetCheckKey(AssetKey(["features", "customer_features"]), f"point_in_time_{MODEL}")
    checked = {
        job.name: job.asset_layer.asset_graph.asset_check_keys
        for job in repository.get_all_jobs()
        if job.name != "__ASSET_JOB" and job.asset_layer
    }
    assert [name for name, keys in checked.items() if audit in keys] == ["audit"]
    assert checked["audit"] == {audit}
    assert len(checked["features"]) > 10


def test_without_java_spark_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SetupError, match=r"no `java` on PATH.*install a Java 17"):
        spark_resource(Settings(home=home))


def test_a_missing_landing_folder_is_said_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere does not exist: set LEEWAY_LANDING"):
        build(Settings(home=tmp_path, landing=str(tmp_path / "nowhere")))
    (tmp_path / "nowhere").mkdir()
    require_landing(Settings(home=tmp_path, landing=str(tmp_path / "nowhere")))


def test_a_folder_that_is_no_dbt_project_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"DBT_PROJECT_DIR is {tmp_path}, which has no dbt_proj"):
        build(Settings(home=tmp_path / "home", dbt_project_dir=tmp_path))


def test_platform_is_still_the_standard_library_s_module() -> None:
    assert CHECKOUT not in Path(platform.__file__).parents
    assert platform.python_version()
    assert not (CHECKOUT / "platform" / "__init__.py").exists()
