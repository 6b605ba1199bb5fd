"""Commands that compute nothing load nothing that computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resources.settings import CHECKOUT

HEAVY = [
    "dagster_dbt", "dbt", "evidently", "lightgbm", "matplotlib", "mlflow", "pandera", "pyspark",
    "scipy", "sklearn", "sqlglot", "tabm", "torch",
]  # fmt: skip
AT_ALL = ["dagster", "duckdb", "numpy", "pandas", "pyarrow"]  # not even these
# What the steps of a day work with that train nothing and score nothing.
DAILY = """
import assets.column_metadata, lifecycle.feature_versions, lifecycle.live, lifecycle.predictions
import lifecycle.deciding, lifecycle.losses, lifecycle.monitoring, lifecycle.rollback
"""
SQL = """
import sys, cli
sys.argv = ["leeway", "sql", "--attach"]
cli.main()
"""


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import cli", [*HEAVY, *AT_ALL]),
        (SQL, [*HEAVY, "numpy", "pandas", "pyarrow"]),
        ("import shown, state, status", HEAVY),  # what `leeway status` works with
        (DAILY, ["evidently", "lightgbm", "mlflow", "pyspark", "sklearn", "tabm", "torch"]),
    ],
)
def test_a_light_command_loads_nothing_heavy(code: str, heavy: list[str], tmp_path: Path) -> None:
    told = f"""
import atexit, sys
atexit.register(lambda: print([name for name in {heavy} if name in sys.modules]))
{code}
"""
    paths = os.pathsep.join(str(CHECKOUT / folder) for folder in ("platform", "."))
    done = subprocess.run(
        [sys.executable, "-c", told],
        env={**os.environ, "LEEWAY_HOME": str(tmp_path), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
