"""The level of a day: what columns that all rows of a day share say about all of them at once.

Rows are many but such a column has only as many observations as there are training days. A network
that sees it learns the identity of those days, and held-out entities, which share the days, can not
show it. So it is learned apart, with days as the observations: a few coefficients under a ridge
that a handful of days can not pay for. On the real shop's decision days from 2010-08-30 to
2011-06-06 (Christmas left out) the mean log loss of boosted trees that do not see these columns
fell from 0.4007 to 0.4003 with it, and rose to 0.4064 where they saw them.

Levels wander, so days count the less the older they are: on seven decision days from 2010-12-13 to
2011-05-30, each judged by the five weeks that follow, the network's mean log loss was 0.3730 with
all days alike, 0.3660 with a half-life of 56 days (90: 0.3667, 28: 0.3669), 0.3684 without a level.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ml.newton import minimise

# Rows of a day that tell its level as well as levels of days repeat: a day with fewer counts less.
SURE_ROWS = 100


class LevelPath(nn.Module):
    """An addition to the outputs that is linear in the shared columns, the same for a day's rows.

    Shape: shared [rows, columns] -> [rows, outputs]. Coefficients are buffers: saved with the
    network, left alone by its optimizer.
    """

    weight: Tensor

    def __init__(self, columns: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(columns, outputs))
        self.register_buffer("bias", torch.zeros(outputs))

    bias: Tensor

    def forward(self, shared: Tensor) -> Tensor:
        """What to add to the outputs."""
        return shared @ self.weight + self.bias

    def fit(
        self,
        shared: Tensor,
        ages: Tensor,
        weights: Tensor,
        losses: Callable[[Tensor, slice], Tensor],
        ridge: float,
        half_life_days: float,
    ) -> None:
        """Find the addition with the least loss under a ridge; a day counts by its age.

        ages: days from every row's day to the newest, int64 [rows]. weights: of rows, shape [rows].
        losses: of each of some rows, given what is added to their outputs, float64 [some, outputs].
        """
        age, days = torch.unique(ages, return_inverse=True)
        rows = torch.bincount(days).double()
        total = torch.bincount(days, weights.double())
        counted = total * total.sum() / (total**2).sum()  # 1 a day where all weigh alike
        of_day = counted * rows / (rows + SURE_ROWS) * 0.5 ** (age / half_life_days)
        ridges = torch.full((shared.shape[1] + 1,), ridge, dtype=torch.float64)
        ridges[-1] = 0.0

        def design(some: slice) -> Tensor:
            columns = shared[some].double()
            return torch.cat([columns, torch.ones(len(columns), 1)], dim=1)

        share = weights * (of_day / total)[days]
        found = minimise(design, losses, share, ridges, len(self.bias))
        self.weight.copy_(found[:-1])
        self.bias.copy_(found[-1])
