"""dbt behind one file: the project that `DBT_PROJECT_DIR` names, its manifest, its command line."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource, DbtProject

from errors import SetupError
from resources.lake import EXTENSIONS, install_extension
from resources.settings import CHECKOUT, Settings

logger = logging.getLogger("leeway")
SOURCES = (".sql", ".yml", ".yaml", ".csv", ".md")
DBT = str(Path(sys.executable).with_name("leeway-dbt"))  # dbt that ends with its parent


def dbt_project(settings: Settings) -> DbtProject:
    """Return the dbt project; its artifacts go to `home`, so that a read-only project works.

    A project without its own `profiles.yml` uses Leeway's, which knows the lake by settings.
    """
    if not (settings.dbt_project_dir / "dbt_project.yml").exists():
        raise SetupError(
            f"DBT_PROJECT_DIR is {settings.dbt_project_dir}, which has no dbt_project.yml: "
            "set it to the folder of a dbt project"
        )
    own_profile = (settings.dbt_project_dir / "profiles.yml").exists()
    return DbtProject(
        project_dir=settings.dbt_project_dir,
        target_path=settings.home / "dbt" / settings.dbt_project_dir.name,
        profiles_dir=settings.dbt_project_dir if own_profile else CHECKOUT / "dbt_project",
    )


def dbt_resource(settings: Settings) -> DbtCliResource:
    """Return dbt's command line for the project."""
    for name in ("ducklake", EXTENSIONS[settings.lake_catalog.split(":", 1)[0]]):
        install_extension(name)
    return DbtCliResource(
        project_dir=dbt_project(settings),
        dbt_executable=DBT,
        global_config_flags=["--no-use-colors"],  # not --quiet: it hides what Dagster reads
    )


@lru_cache(maxsize=2)
def manifest(settings_home: Path, project_dir: Path) -> Mapping[str, Any]:
    """Return the project's manifest, parsed again where its source files are others.

    Raises SetupError with dbt's own words where the project does not parse.
    """
    settings = Settings(home=settings_home, dbt_project_dir=project_dir)
    project = dbt_project(settings)
    path = project.target_path / "manifest.json"
    parsed, found = path.with_name("manifest.sources"), fingerprint(project.project_dir)
    if not path.exists() or not parsed.exists() or parsed.read_text() != found:
        logger.info("parsing %s", project.project_dir)
        parsed.unlink(missing_ok=True)  # a parse that is killed must not pass for the one before
        _parse(settings, project)
        parsed.write_text(found)
    return json.loads(path.read_text())


def fingerprint(project_dir: Path) -> str:
    """Return a hash of the source files' paths, times and sizes: it tells deleted ones as well."""
    tops = [top for top in project_dir.iterdir() if top.name != "target"]
    files = sorted(f for top in tops for f in (top, *top.rglob("*")) if f.suffix in SOURCES)
    stats = [(str(file.relative_to(project_dir)), file.stat()) for file in files]
    seen = [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]
    return sha256(json.dumps(seen).encode()).hexdigest()


def _parse(settings: Settings, project: DbtProject) -> None:
    folders = [
        "--project-dir",
        str(project.project_dir),
        "--profiles-dir",
        str(project.profiles_dir),
    ]
    done = subprocess.run(
        [
            DBT,
            "--quiet",
            "--no-use-colors",
            "parse",
            *folders,
            "--target-path",
            project.target_path,
        ],
        env={**os.environ, **settings.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(
            f"dbt cannot parse {project.project_dir}:\n{(done.stdout + done.stderr).strip()}"
        )
