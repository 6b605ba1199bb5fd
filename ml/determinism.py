"""Same seed, same thread count, same bits; and nothing of it leaks into the caller."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.backends.cpu import get_cpu_capability

PACKAGES = ("torch", "numpy", "scikit-learn")  # that compute what a model learns


def build() -> dict[str, str]:
    """Return what else the bits depend on: versions of packages, what the CPU can, and the GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        **{name: version(name) for name in PACKAGES},
        "cpu": get_cpu_capability(),
        "gpu": gpu,
    }


def mixed(*numbers: int) -> int:
    """Return one seed of several numbers, unrelated to that of others; a last 0 does not count."""
    words = [number % 2**64 for number in numbers]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def deterministic(seed: int, threads: int) -> Iterator[None]:
    """Seed PyTorch, fix its threads and forbid operations that do not repeat; restore all after.

    Threads, also those of NumPy, are fixed because the order of a parallel sum depends on them.
    """
    threads_before = torch.get_num_threads()
    strict_before = torch.are_deterministic_algorithms_enabled()
    warn_before = torch.is_deterministic_algorithms_warn_only_enabled()
    if torch.cuda.is_available():  # cuBLAS repeats with a workspace of a fixed size only
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices), threadpool_limits(limits=threads):
        try:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            torch.manual_seed(seed)
            yield
        finally:
            torch.use_deterministic_algorithms(strict_before, warn_only=warn_before)
            torch.set_num_threads(threads_before)
