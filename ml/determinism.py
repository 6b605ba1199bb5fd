"""Same seed, same thread count, same bits; and nothing of it leaks into the caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import torch
from threadpoolctl import threadpool_limits
from torch.backends.cpu import get_cpu_capability

PACKAGES = ("torch", "numpy", "scikit-learn")  # that compute what a model learns


def build() -> dict[str, str]:
    """Return what else the bits depend on: versions of packages, and what the CPU is capable of."""
    return {**{name: version(name) for name in PACKAGES}, "cpu": get_cpu_capability()}


@contextmanager
def deterministic(seed: int, threads: int) -> Iterator[None]:
    """Seed PyTorch, fix its threads and forbid operations that do not repeat; restore all after.

    Threads, also those of NumPy, are fixed because the order of a parallel sum depends on them.
    """
    threads_before = torch.get_num_threads()
    strict_before = torch.are_deterministic_algorithms_enabled()
    warn_before = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[]), threadpool_limits(limits=threads):
        try:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            torch.manual_seed(seed)
            yield
        finally:
            torch.use_deterministic_algorithms(strict_before, warn_only=warn_before)
            torch.set_num_threads(threads_before)
