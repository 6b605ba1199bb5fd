"""Work in a process of its own: how long it takes, and the memory of it and its children.

    python -m bench.speed.child bench.speed.ingest ours '{"folder": "/tmp/x"}'

calls a function and prints what it returns as the last line, as JSON; `alone` does so and measures.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.results import ROOT

LOOK = 1.0  # seconds between two looks at the memory, which cost the process that is looked at


@dataclass(frozen=True)
class Cost:
    """seconds of wall clock that the function has timed.

    peak: bytes, the most that the process and its children have held at once; memory that they
    share counts once. found: what the function returned.
    """

    seconds: float
    peak: int
    found: Any


def alone(work: Callable, environment: Mapping[str, str] | None = None, **arguments: Any) -> Cost:
    """Call a function of a module of `bench.speed` in a fresh process; arguments: plain values.

    Raises RuntimeError with the end of what the process has printed where it fails.
    """
    command = [sys.executable, "-m", "bench.speed.child", name_of(work), work.__name__]
    paths = os.pathsep.join([str(ROOT / "platform"), str(ROOT)])
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            [*command, json.dumps(arguments, default=str)],
            env={**os.environ, **(environment or {}), "PYTHONPATH": paths},
            cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        peak = watched(process)
        printed.seek(0)
        text = printed.read()
    if process.returncode:
        raise RuntimeError(f"{name_of(work)}.{work.__name__} failed:\n{text[-5000:]}")
    told = json.loads(text.splitlines()[-1])
    return Cost(told["seconds"], peak, told["found"])


def name_of(work: Callable) -> str:
    """Return the module of a function, also where that module is the script that runs."""
    path = Path(sys.modules[work.__module__].__file__).resolve()
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def watched(process: subprocess.Popen) -> int:
    """Wait for a process and return the peak of its memory and its children's, in bytes."""
    peak = 0
    while True:
        peak = max(peak, memory_of(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
            return peak


def memory_of(process: int) -> int:
    """Return the bytes that a process and all below it hold now; shared ones count once."""
    try:
        top = psutil.Process(process)
        every = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_bytes(each) for each in every)


def _bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0  # it has ended since it was listed


class Timer:
    """Seconds of the parts of a function that count: `with timer.running(): ...`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time in this block."""
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun


def main() -> None:
    """Call the function that the command line names with a timer, and tell time and result."""
    module, function, arguments = sys.argv[1:]
    work = getattr(importlib.import_module(module), function)
    timer = Timer()
    found = work(timer, **json.loads(arguments))
    print()
    print(json.dumps({"seconds": timer.seconds, "found": found}, default=str))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
