"""Processes that end with the one that started them, also where that one is killed."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, INIT = 1, 1


def end_with_parent(parent: int | None = None) -> None:
    """Have the kernel end this process when its parent ends (prctl(2)): on Linux only.

    The thread that started it counts as the parent. Name the `parent` where it may be a container's
    first process, which looks like the one that orphans get.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        orphaned = os.getppid() == INIT if parent is None else os.getppid() != parent
        if orphaned:  # the parent had ended before the kernel was told
            sys.exit("the process that started this one has ended")
