"""Spark's TorchDistributor for workers of one machine that nobody outside it can reach."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.ml.torch.distributor import TorchDistributor

import ml
from ml.distributed import loopback

Starts = Callable[..., Any]


class OneMachine(TorchDistributor):
    """Lets its processes meet in a file of a folder, and talk over the loopback interface only.

    By itself it meets them at a TCP port of all interfaces, which unpickles what it is sent.
    `run` takes a module, the folder, and the threads of each process.
    """

    def _run_local_training(self, wrapper: Starts, train_object: Any, *rest: Any) -> Any:
        def start(params: dict[str, Any], module: str, folder: str, threads: str) -> None:
            command = TorchDistributor._create_torchrun_command(params, module, folder)
            at = command.index("--standalone")
            command[at : at + 1] = [*meeting(Path(folder) / "meeting"), "--module"]
            TorchDistributor._execute_command([*environment(threads), *command])

        del wrapper  # the distributor's own way to start torchrun
        return super()._run_local_training(start, train_object, *rest)


def meeting(place: Path) -> list[str]:
    """Options of torchrun for a rendezvous in a file."""
    return [
        "--rdzv-backend=c10d",
        "--rdzv-conf=store_type=file",
        f"--rdzv-endpoint={place}",
        f"--rdzv-id={place.parent.name}",
    ]


def environment(threads: str) -> list[str]:
    """A command's beginning that gives the workers, and nobody else, these variables."""
    root = str(Path(ml.__path__[0]).parent)
    values = {
        "PYTHONPATH": ":".join([root, *sys.path]),
        "OMP_NUM_THREADS": threads,
        "GLOO_SOCKET_IFNAME": loopback(),
        "NCCL_SOCKET_IFNAME": loopback(),
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # else the workers' own store listens everywhere
    }
    return ["env", *(f"{name}={value}" for name, value in values.items())]
