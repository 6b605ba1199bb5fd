"""`leeway run` in one home, again and again, each time in a process that may be killed.

Imports cost more than the work, so one process does them, and every run is a fork of it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Timer

from bench.greenhouse import FIRST
from commit_points import VARIABLE
from resources.settings import CHECKOUT

BEGUN, STEP, ENDED = "begun ", "step ", "ended "
SCRIPT = f"""
import os, sys
import dagster._daemon, dagster_dbt, evidently.metrics, pyspark, torch._inductor
import mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store
import history, definitions, lifecycle.promotion
from datetime import date
told = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what dbt and Spark print is for the log
def run():
    first, last = map(date.fromisoformat, sys.argv[1:])
    history.load_history(first, last, lambda step: print("{STEP}" + step, file=told)).run()
for line in sys.stdin:
    if not (child := os.fork()):
        os.environ.update([line.strip().split("=", 1)])
        try:
            run()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print("{BEGUN}" + str(child), file=told)
    _, status = os.wait()
    print("{ENDED}" + str(os.waitstatus_to_exitcode(status)), file=told)
"""


class Runner:
    """Runs the project in `place` over the first `days` of its landing files, in `home`.

    What the runs print is in `home/output.log`; `steps` are those of the last run.
    """

    def __init__(
        self, place: Path, home: Path, days: int, more: Mapping[str, str] | None = None
    ) -> None:
        home.mkdir()
        paths = os.pathsep.join([str(CHECKOUT / "platform"), str(CHECKOUT)])
        mine = {
            "LEEWAY_HOME": home, "DAGSTER_HOME": home / "dagster",
            "LEEWAY_LANDING": place / "landing", "DBT_PROJECT_DIR": place / "dbt_project",
            "LEEWAY_PII_KEY": "only for crashes", "LEEWAY_THREADS": 1, "PYTHONPATH": paths,
            "GIT_DIR": home / "none",  # a commit meanwhile would be another training set
            **(more or {}),
        }  # fmt: skip
        self.log = home / "output.log"
        self.steps: list[str] = []
        last = FIRST + timedelta(days=days - 1)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(FIRST), str(last)],
                env={**os.environ, **{name: str(value) for name, value in mine.items()}},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def run(
        self, variable: str = f"{VARIABLE}=", life: float | None = None, in_step: int = 1
    ) -> int:
        """Run to the end and return the exit status, that of a signal as its negative number.

        variable: `NAME=value` of this run alone. life: seconds from the beginning of the step with
        the number `in_step` to a SIGKILL of the run alone; its children have to end by themselves.
        """
        print(variable, file=self.process.stdin, flush=True)
        child, timer = int(self._told().removeprefix(BEGUN)), None
        self.steps = []
        while (line := self._told()).startswith(STEP):
            self.steps.append(line.removeprefix(STEP).strip())
            if life is not None and len(self.steps) == in_step:
                timer = Timer(life, kill, [child])
                timer.start()
        if timer:
            timer.cancel()
            timer.join()
        return int(line.removeprefix(ENDED))

    def close(self) -> None:
        """End the process that has the imports."""
        self.process.communicate()

    def tail(self) -> str:
        """Return the end of what the runs have printed."""
        return self.log.read_text()[-20_000:]

    def _told(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"no run can be started:\n{self.tail()}")
        return line


def kill(process: int) -> None:
    """End a process as a power cut would; it may just have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
