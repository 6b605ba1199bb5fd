"""The network of the `tabular` estimator: TabM, a linear path and the level of a day."""

from collections.abc import Sequence

import torch
from tabm import LinearEnsemble, make_tabm_backbone
from torch import Tensor, nn

from ml.level import LevelPath
from ml.linear import LinearPath
from ml.task import Task

BLOCKS = 2


class PiecewiseLinear(nn.Module):
    """Unfold quantile positions into one input per bin: 1 below, a slope inside, 0 above.

    Own lines instead of a package: inputs stay within [0, 1] also outside the training range, and
    constant or all-null columns, which have no bin, are allowed.
    Shape: [rows, features] -> [rows, total bins + features]; the last ones say "is missing".
    """

    def __init__(self, bins: Sequence[int]) -> None:
        super().__init__()
        feature = [f for f, n in enumerate(bins) for _ in range(n)]
        start = [j for n in bins for j in range(n)]
        self.register_buffer("feature", torch.tensor(feature, dtype=torch.int64), persistent=False)
        self.register_buffer("start", torch.tensor(start, dtype=torch.float32), persistent=False)
        self.width = len(feature) + len(bins)

    feature: Tensor
    start: Tensor

    def forward(self, positions: Tensor) -> Tensor:
        """Encode; a missing number is 0 in all of its bins."""
        missing = positions.isnan()
        filled = positions.masked_fill(missing, 0.0)
        unfolded = (filled[:, self.feature] - self.start).clamp(0.0, 1.0)
        return torch.cat([unfolded, missing.to(unfolded.dtype)], dim=1)


class Network(nn.Module):
    """`members` MLPs that share their weights and differ by factors of inputs and units.

    One wide layer instead of several networks, and sharing regularises (Gorishniy et al., "TabM",
    2025). Log loss on the real shop's decision days 2011-03-14, 04-25 and 06-06 (51,000 rows, one
    seed): 0.3832, of eight members with 64 units 0.3838, of those with embedded bins 0.3864, of
    four MLPs that share nothing 0.3850 (two seeds).

    `linear` is one more opinion, solved apart; `linear_share` is its part of the predicted output.
    `level` is added to the whole, the same for all rows of a day.
    Shape: positions [rows, numeric], codes [rows, categorical] -> [rows, members, outputs], which
    `ml.task` reads.
    """

    linear_share: Tensor

    def __init__(
        self,
        bins: Sequence[int],
        cardinalities: Sequence[int],
        shared: int,
        *,
        outputs: int,
        members: int,
        width: int,
        embedding: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.members = members
        self.level = LevelPath(shared, outputs)
        self.linear = LinearPath(len(bins), cardinalities, outputs)
        self.register_buffer("linear_share", torch.zeros(()))
        self.numbers = PiecewiseLinear(bins)
        # Zero at first, so that a level without training rows stays neutral.
        neutral = [torch.zeros(levels, embedding) for levels in cardinalities]
        self.categories = nn.ModuleList(
            nn.Embedding.from_pretrained(weights, freeze=False) for weights in neutral
        )
        # A member's random sign is that of a whole feature, not of each of its bins.
        chunks = [n for n in bins if n] + [1] * len(bins) + [embedding] * len(cardinalities)
        self.hidden = make_tabm_backbone(
            d_in=sum(chunks),
            n_blocks=BLOCKS,
            d_block=width,
            dropout=dropout,
            k=members,
            arch_type="tabm",
            start_scaling_init="random-signs",
            start_scaling_init_chunks=chunks,
        )
        self.last = LinearEnsemble(width, outputs, k=members)
        # Zero at first: the first steps learn from the rows, not undo a random function.
        nn.init.zeros_(self.last.weight)

    def start_at(self, outputs: Tensor) -> None:
        """Begin from what fits best without features, so that no epoch is spent on finding it."""
        self.last.bias.data.copy_(outputs.expand_as(self.last.bias))

    def forward(self, positions: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs of every member."""
        inputs = [self.numbers(positions)]
        inputs += [table(codes[:, i]) for i, table in enumerate(self.categories)]
        same = torch.cat(inputs, dim=1)[:, None].expand(-1, self.members, -1)
        return self.last(self.hidden(same))

    def output(self, task: Task, positions: Tensor, codes: Tensor, shared: Tensor) -> Tensor:
        """What is predicted, shape [rows, outputs]: members' mean prediction, both paths."""
        members = task.averaged(self(positions, codes))
        mixed = members + self.linear_share * (self.linear(positions, codes) - members)
        return mixed + self.level(shared)
