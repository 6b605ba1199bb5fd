"""dbt as a child that ends with its parent: the command `leeway-dbt`.

A killed `leeway run` cannot end the dbt that it has started, which would go on writing while the
next run writes the same days. On Linux the kernel ends it (prctl(2), PR_SET_PDEATHSIG); the thread
that started it counts as the parent. Elsewhere it is plain dbt.
"""

import ctypes
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

PR_SET_PDEATHSIG, INIT = 1, 1
DBT = str(Path(sys.executable).with_name("dbt"))


def main() -> None:
    """Become dbt, with this command's arguments.

    Its version, for which Dagster asks before every build, is told without importing dbt.
    """
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{version('dbt-core')}\n")
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == INIT:  # the parent had ended before the kernel was told
            sys.exit("the process that wanted dbt has ended")
    os.execv(DBT, [DBT, *sys.argv[1:]])  # noqa: S606 - no shell is meant
