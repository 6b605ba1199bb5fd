"""dbt behind one file: the project that `DBT_PROJECT_DIR` names, its manifest, its command line."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import SetupError
from resources.lake import extensions_of, install_extension
from resources.settings import CHECKOUT, Settings

if TYPE_CHECKING:  # who only reads a manifest does not load dbt
    from dagster_dbt import DbtCliResource, DbtProject

logger = logging.getLogger("leeway")
SOURCES = (".sql", ".yml", ".yaml", ".csv", ".md")
PARSED = "partial_parse.msgpack"
DBT = str(Path(sys.executable).with_name("leeway-dbt"))  # dbt that ends with its parent
# The range that SQL is compiled for where it is to be asked for others: no data has these days.
PLACEHOLDER = ("1000-01-02", "1000-01-04")


def dbt_project(settings: Settings) -> "DbtProject":
    """Return the dbt project as Dagster knows it."""
    from dagster_dbt import DbtProject

    return DbtProject(
        project_dir=project_dir(settings),
        target_path=target_path(settings),
        profiles_dir=profiles_dir(settings),
    )


def project_dir(settings: Settings) -> Path:
    """Return the project's folder; raises SetupError where it is none."""
    if not (settings.dbt_project_dir / "dbt_project.yml").exists():
        raise SetupError(
            f"DBT_PROJECT_DIR is {settings.dbt_project_dir}, which has no dbt_project.yml: "
            "set it to the folder of a dbt project"
        )
    return settings.dbt_project_dir


def target_path(settings: Settings) -> Path:
    """Return the folder of its artifacts: in `home`, so that a read-only project works."""
    return settings.home / "dbt" / settings.dbt_project_dir.name


def profiles_dir(settings: Settings) -> Path:
    """Return where its `profiles.yml` is; without one it uses Leeway's, which knows the lake."""
    own_profile = (settings.dbt_project_dir / "profiles.yml").exists()
    return settings.dbt_project_dir if own_profile else CHECKOUT / "dbt_project"


def dbt_resource(settings: Settings) -> "DbtCliResource":
    """Return dbt's command line for the project."""
    from resources.dbt_command import DbtCommand

    install_extensions(settings)
    return DbtCommand(
        project_dir=dbt_project(settings),  # type: ignore[arg-type]  # it takes one
        dbt_executable=DBT,
        global_config_flags=["--no-use-colors"],  # not --quiet: it hides what Dagster reads
    )


def install_extensions(settings: Settings) -> None:
    """Install what dbt loads to attach the lake: from wheels, offline."""
    for name in extensions_of(settings.lake_catalog):
        install_extension(name)


def manifest(settings_home: Path, dbt_project_dir: Path) -> Mapping[str, Any]:
    """Return the project's manifest, parsed again where its source files are others.

    Raises SetupError with dbt's own words where the project does not parse.
    """
    settings = Settings(home=settings_home, dbt_project_dir=dbt_project_dir)
    return _parsed(settings_home, dbt_project_dir, fingerprint(project_dir(settings)))


@lru_cache(maxsize=2)
def _parsed(settings_home: Path, dbt_project_dir: Path, found: str) -> Mapping[str, Any]:
    """The manifest of a project whose source files have one fingerprint."""
    settings = Settings(home=settings_home, dbt_project_dir=dbt_project_dir)
    return _made(settings, target_path(settings), ["parse"], found)


def compiled_manifest(settings: Settings) -> Mapping[str, Any]:
    """Return the manifest with `compiled_code` of every model, for the days of PLACEHOLDER.

    Compiled again where the project's source files are others. Raises SetupError where the project
    does not compile; the lake must have a delivery.
    """
    install_extensions(settings)
    folder = target_path(settings) / "compiled"
    _give_parsed(target_path(settings), folder)
    found = fingerprint(settings.dbt_project_dir)
    return _made(settings, folder, ["compile", "--select", "resource_type:model"], found)


def _give_parsed(source: Path, folder: Path) -> None:
    """Let dbt compile to `folder` from its last parse: it reads again what has changed since.

    https://docs.getdbt.com/reference/parsing#partial-parsing
    """
    if (source / PARSED).exists() and not (folder / PARSED).exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / PARSED, folder)


def _made(
    settings: Settings, folder: Path, command: Sequence[str], found: str
) -> Mapping[str, Any]:
    """The manifest that a command of dbt writes to `folder`, kept while the files are as found."""
    path = folder / "manifest.json"
    made = path.with_name("manifest.sources")
    if not path.exists() or not made.exists() or made.read_text() != found:
        logger.info("dbt %s %s", command[0], settings.dbt_project_dir)
        made.unlink(missing_ok=True)  # one that is killed must not pass for the one before
        run_dbt(settings, folder, command)
        made.write_text(found)
    return json.loads(path.read_text())


def fingerprint(folder: Path) -> str:
    """Return a hash of the source files' paths, times and sizes: it tells deleted ones as well."""
    tops = [top for top in folder.iterdir() if top.name != "target"]
    files = sorted(f for top in tops for f in (top, *top.rglob("*")) if f.suffix in SOURCES)
    stats = [(str(file.relative_to(folder)), file.stat()) for file in files]
    seen = [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]
    return sha256(json.dumps(seen).encode()).hexdigest()


def run_dbt(settings: Settings, folder: Path, command: Sequence[str]) -> str:
    """Run a command of dbt on the project, for the days of PLACEHOLDER, and return what it prints.

    Artifacts and logs go to `folder`. Raises SetupError with dbt's own words where it fails.
    """
    project = project_dir(settings)
    folders = {
        "--project-dir": project,
        "--profiles-dir": profiles_dir(settings),
        "--target-path": folder,
        "--log-path": folder,
    }
    options = [str(part) for pair in folders.items() for part in pair]
    start, end = PLACEHOLDER
    days = {"LEEWAY_EVENT_TIME_START": start, "LEEWAY_EVENT_TIME_END": end}
    done = subprocess.run(
        [DBT, "--quiet", "--no-use-colors", *command, *options],
        env={**os.environ, **settings.environment, **days},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(
            f"dbt cannot {command[0]} {project}:\n{(done.stdout + done.stderr).strip()}"
        )
    return done.stdout
