"""A small shop for crash tests: sensors of a greenhouse, and a model that soon goes live.

Its dbt project is that of `tests/projects/other`, content with the rows of two weeks.
"""

import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import yaml

from resources.settings import CHECKOUT

PROJECT = CHECKOUT / "tests" / "projects" / "other"
FIRST, SENSORS = date(2024, 3, 1), 500


def land(landing: Path, days: int) -> None:
    """Sensors freeze on the day after a temperature near 10 degrees: no straight line says so."""
    rng = np.random.default_rng(3)
    (landing / "readings").mkdir(parents=True)
    base = rng.uniform(2, 18, (days, SENSORS)).round(2)
    chance = np.where(np.abs(np.roll(base, 1, 0) - 10) < 2.5, 0.95, 0.02)
    night = np.where(rng.random((days, SENSORS)) < chance, -0.01, 0.01)
    for n in range(days):
        day = FIRST + timedelta(days=n)
        lines = ["Sensor,read_at,celsius,gardener"]
        for sensor in range(SENSORS):
            lines.append(f"s{sensor:03},{day} 03:00:00,{night[n, sensor]},Rosa")
            lines.append(f"s{sensor:03},{day} 12:00:00,{base[n, sensor]},Iris")
        (landing / "readings" / f"{day}.csv").write_text("\n".join(lines) + "\n")


def make_project(folder: Path, every_days: int = 1) -> Path:
    """The greenhouse's project, content with few rows and trained every so many days."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("logs", "target"))
    settings = yaml.safe_load((folder / "dbt_project.yml").read_text())
    settings["macro-paths"] = [str(CHECKOUT / "dbt_project" / "macros")]
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    path = folder / "models" / "features" / "features.yml"
    declared = yaml.safe_load(path.read_text())
    model = declared["exposures"][0]["config"]["meta"]["model"]
    model |= {"train": {"min_rows": 2000, "every_days": every_days}}
    model |= {"gate": {"test_days": 3, "min_rows": 100}}
    path.write_text(yaml.safe_dump(declared))
    return folder
