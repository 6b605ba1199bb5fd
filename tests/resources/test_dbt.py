import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from errors import SetupError
from resources.dbt import DBT, compiled_manifest, dbt_project, dbt_resource, manifest, run_dbt
from resources.settings import Settings

PROJECT = """name: tiny
version: "1.0.0"
config-version: 2
profile: leeway
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "models" / "one.sql").write_text("select 1 as one")
    return folder


def names(home: Path, project: Path) -> set[str]:
    return {node["name"] for node in manifest(home, project)["nodes"].values()}


def test_a_changed_model_is_parsed_again_and_an_unchanged_project_is_not(
    tmp_path: Path, project: Path
) -> None:
    home = tmp_path / "home"
    assert names(home, project) == {"one"}
    written = home / "dbt" / "tiny" / "manifest.json"
    parsed_at = written.stat().st_mtime_ns
    assert names(home, project) == {"one"}
    assert written.stat().st_mtime_ns == parsed_at

    added = project / "models" / "two.sql"
    added.write_text("select 2 as two")
    os.utime(added, ns=(parsed_at + 10**9, parsed_at + 10**9))
    assert names(home, project) == {"one", "two"}


def test_a_deleted_model_is_gone_and_a_renamed_one_has_its_new_name(
    tmp_path: Path, project: Path
) -> None:
    home = tmp_path / "home"
    (project / "models" / "two.sql").write_text("select 2 as two")
    assert names(home, project) == {"one", "two"}
    (project / "models" / "two.sql").unlink()
    (project / "models" / "one.sql").rename(project / "models" / "first.sql")
    assert names(home, project) == {"first"}


def test_two_processes_of_dbt_parse_a_project_once(tmp_path: Path, project: Path) -> None:
    settings = Settings(home=tmp_path / "home", dbt_project_dir=project)
    for _ in range(2):
        run_dbt(settings, tmp_path / "target", ["parse"])
    logged = (tmp_path / "target" / "dbt.log").read_text()
    assert logged.count("Unable to do partial parsing") == 1  # there was nothing yet
    assert "Unable to do partial parsing because saved manifest not found" in logged


def test_sql_is_compiled_from_the_last_parse_and_what_has_changed_since(
    tmp_path: Path, project: Path
) -> None:
    settings = Settings(home=tmp_path / "home", dbt_project_dir=project)
    (settings.home / "lake" / "data").mkdir(parents=True)
    assert names(settings.home, project) == {"one"}
    (project / "models" / "two.sql").write_text("select 1 + one as two from {{ ref('one') }}")
    compiled = compiled_manifest(settings)["nodes"]
    assert '"one"' in compiled["model.tiny.two"]["compiled_code"]
    assert compiled["model.tiny.one"]["compiled_code"] == "select 1 as one"
    logged = (settings.home / "dbt" / "tiny" / "compiled" / "dbt.log").read_text()
    assert "Partial parsing enabled: 0 files deleted, 1 files added, 0 files changed" in logged


def test_a_folder_without_a_project_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"DBT_PROJECT_DIR is {tmp_path}, which has no dbt_proj"):
        dbt_project(Settings(home=tmp_path, dbt_project_dir=tmp_path))


def test_a_project_that_does_not_parse_is_refused_with_dbt_s_words(
    tmp_path: Path, project: Path
) -> None:
    (project / "models" / "broken.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(SetupError, match=r"(?s)cannot parse .*tiny.*nowhere"):
        manifest(tmp_path / "home", project)


def test_a_project_without_a_profile_uses_leeway_s(tmp_path: Path, project: Path) -> None:
    own = dbt_project(Settings(home=tmp_path, dbt_project_dir=project))
    assert (own.profiles_dir / "profiles.yml").exists()
    assert own.target_path == tmp_path / "dbt" / "tiny"


def test_dagster_is_told_dbts_version_without_an_import_of_dbt() -> None:
    command = [sys.executable, "-X", "importtime", DBT, "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == version("dbt-core")
    assert "dbt_child" in told.stderr
    assert "dbt.cli" not in told.stderr


def test_a_command_of_dagster_s_loads_no_adapter_into_its_process(
    parsed, lake, tmp_path: Path
) -> None:
    loaded = Settings(home=tmp_path, lake_catalog=lake.catalog, lake_data=lake.data)
    dbt = dbt_resource(loaded)
    command = dbt.cli(["--version"], manifest=parsed, target_path=tmp_path / "runs")
    assert command.wait().is_successful()
    assert command.adapter is None
