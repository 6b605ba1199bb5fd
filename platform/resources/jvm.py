"""The JVM that PySpark starts in a process, and by itself never ends before the process does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import TimeoutExpired
from typing import Any

PATIENCE = 30  # seconds that a JVM has to end


def gateway() -> Any:
    """Return the way to the JVM that this process has started, or None; imports nothing."""
    pyspark = sys.modules.get("pyspark")
    started = pyspark.SparkContext._gateway if pyspark else None
    return started if started and started.proc else None


@contextmanager
def jvm_for_now() -> Iterator[None]:
    """End a JVM that this block has started: idle, it holds 0.7 GB. One from before stays.

    The next session starts another one.
    """
    before = gateway()
    try:
        yield
    finally:
        if (started := gateway()) and started is not before:
            end(started)


def end(started: Any) -> None:
    """Let PySpark forget the JVM, then end it, which it does with its standard input.

    In the other order the thread that hears its accumulators would print a traceback.
    """
    forget()
    started.shutdown()
    started.proc.stdin.close()
    try:
        started.proc.wait(PATIENCE)
    except TimeoutExpired:
        started.proc.kill()
        started.proc.wait()


def forget() -> None:
    """Let the next session start a JVM: PySpark would hand out the one that has ended."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if context := SparkContext._active_spark_context:
        context._jsc = None  # nobody is there to be told of the stop
        context.stop()
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    SparkContext._gateway = SparkContext._jvm = None
