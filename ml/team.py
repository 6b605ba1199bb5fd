"""The processes that train one network together; of one alone, all of this is free.

Each takes its slice of every batch, so that the sum of their gradients is that of the whole batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Team:
    """A process's place among `size`; ranks count from 0, and 0 speaks for all."""

    rank: int = 0
    size: int = 1

    @property
    def speaks(self) -> bool:
        """Whether this process reports, keeps checkpoints and looks at the holdout."""
        return self.rank == 0

    def slice_of(self, batch: Tensor) -> Tensor:
        """This process's rows of a batch, one after another; slices differ by at most one row."""
        return batch if self.size == 1 else batch.tensor_split(self.size)[self.rank]

    def sum_gradients(self, network: nn.Module) -> None:
        """Give every process the sum of all gradients, in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        message = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(message)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, summed in zip(gradients, message.split(sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def sum(self, value: Tensor) -> float:
        """The sum of every process's number."""
        if self.size > 1:
            dist.all_reduce(value)
        return value.item()

    def told(self, measure: Callable[[], float], device: torch.device) -> float:
        """What the first process measures, so that all decide alike."""
        value = torch.tensor(measure() if self.speaks else 0.0, dtype=torch.float64, device=device)
        if self.size > 1:
            dist.broadcast(value, src=0)
        return value.item()


ALONE = Team()
