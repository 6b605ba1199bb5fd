"""Where a network is trained: on a GPU in bfloat16 where there is one, else on the CPU as ever."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from ml.team import Team


@dataclass(frozen=True)
class Device:
    """A place for tensors; with `bf16` matrix products are of bfloat16, weights stay float32."""

    place: torch.device
    bf16: bool

    @classmethod
    def best(cls, team: Team) -> "Device":
        """A GPU of its own for every process of the team, or the CPU for all of them."""
        if torch.cuda.is_available() and torch.cuda.device_count() >= team.size:
            return cls(torch.device("cuda", team.rank), bf16=True)
        return cls(torch.device("cpu"), bf16=False)

    def autocast(self) -> AbstractContextManager[object]:
        """The precision of what is computed within; on a CPU it does nothing."""
        if not self.bf16:
            return nullcontext()
        return torch.autocast(self.place.type, torch.bfloat16)
