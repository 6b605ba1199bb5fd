"""The JVM that PySpark starts in a process, and by itself never ends before the process does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def gateway() -> Any:
    """Return the way to the JVM that this process has started, or None; imports nothing."""
    pyspark = sys.modules.get("pyspark")
    started = pyspark.SparkContext._gateway if pyspark else None
    return started if started and started.proc else None


@contextmanager
def jvm_for_now() -> Iterator[None]:
    """End a JVM that this block has started, idle it holds 0.7 GB; one from before stays.

    The next session starts another one.
    """
    before = gateway()
    try:
        yield
    finally:
        if (started := gateway()) and started is not before:
            end(started)


def end(started: Any) -> None:
    """Stop the session and wait until the JVM, which ends with its standard input, has ended."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    session = SparkSession._instantiatedSession
    if session is not None and started.proc.poll() is None:
        session.stop()
    started.shutdown()
    started.proc.stdin.close()
    started.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None
