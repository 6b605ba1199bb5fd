"""dbt as a child that ends with its parent: the command `leeway-dbt`.

A killed `leeway run` cannot end the dbt that it has started, which would go on writing while the
next run writes the same days. On Linux the kernel ends it; elsewhere it is plain dbt.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

from children import end_with_parent

DBT = str(Path(sys.executable).with_name("dbt"))


def main() -> None:
    """Become dbt, with this command's arguments.

    Its version, for which Dagster asks before every build, is told without importing dbt.
    """
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{version('dbt-core')}\n")
        return
    end_with_parent()
    os.environ["LEEWAY_PROCESS"] = f"-{os.getpid()}"  # two of them must not spill into one folder
    os.execv(DBT, [DBT, *sys.argv[1:]])  # noqa: S606 - no shell is meant
