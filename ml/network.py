"""The network of the `tabular` estimator: several small MLPs and a linear path, averaged."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml.linear import LinearPath
from ml.task import Task


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
    """`members` independent MLPs on shared embeddings, evaluated as one batched product.

    Averaging members trained side by side costs one wide layer instead of several networks
    (Laurent et al., "Packed-Ensembles", 2023; Gorishniy et al., "TabM", 2025). `linear` is one
    more opinion, solved apart; `linear_share` is its part of the predicted output.
    Shape: positions [rows, numeric], codes [rows, categorical] -> [rows, members, outputs], which
    `ml.task` reads.
    """

    linear_share: Tensor

    def __init__(
        self,
        bins: Sequence[int],
        cardinalities: Sequence[int],
        *,
        outputs: int,
        members: int,
        width: int,
        embedding: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.members, self.width = members, width
        self.linear = LinearPath(len(bins), cardinalities, outputs)
        self.register_buffer("linear_share", torch.zeros(()))
        self.numbers = PiecewiseLinear(bins)
        # Zero at first, so that a level without training rows stays neutral.
        neutral = [torch.zeros(levels, embedding) for levels in cardinalities]
        self.categories = nn.ModuleList(
            nn.Embedding.from_pretrained(weights, freeze=False) for weights in neutral
        )
        self.first = nn.Linear(self.numbers.width + embedding * len(cardinalities), members * width)
        self.second = nn.Parameter(torch.randn(members, width, width) * (1.0 / width) ** 0.5)
        self.second_bias = nn.Parameter(torch.zeros(members, 1, width))
        # Zero at first: the first steps learn from the rows, not undo a random function.
        self.last = nn.Parameter(torch.zeros(members, width, outputs))
        self.last_bias = nn.Parameter(torch.zeros(members, 1, outputs))
        self.dropout = nn.Dropout(dropout)

    def start_at(self, outputs: Tensor) -> None:
        """Begin from what fits best without features, so that no epoch is spent on finding it."""
        self.last_bias.data.copy_(outputs)

    def forward(self, positions: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs of every member."""
        inputs = [self.numbers(positions)]
        inputs += [table(codes[:, i]) for i, table in enumerate(self.categories)]
        hidden = self.dropout(self.first(torch.cat(inputs, dim=1)).relu())
        hidden = hidden.view(-1, self.members, self.width).transpose(0, 1)
        hidden = self.dropout(torch.baddbmm(self.second_bias, hidden, self.second).relu())
        return torch.baddbmm(self.last_bias, hidden, self.last).transpose(0, 1)

    def output(self, task: Task, positions: Tensor, codes: Tensor) -> Tensor:
        """What is predicted, shape [rows, outputs]: members' mean prediction, linear path."""
        members = task.averaged(self(positions, codes))
        return members + self.linear_share * (self.linear(positions, codes) - members)
