"""The coefficients of a linear model by Newton's method, over chunks of rows.

As exact as with the whole design matrix, in the memory of one chunk; any loss that is convex in the
outputs will do. Source: Boyd and Vandenberghe, "Convex Optimization", 2004, section 9.5.
"""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK_ROWS = 2048
STEPS = 30  # six are usual
PRECISE = 1e-9  # of the loss; the last step then squares what is left
SINGULAR = 1e-9  # of the largest curvature: softmax says the same with a constant on all outputs


def minimise(
    design: Callable[[slice], Tensor],
    losses: Callable[[Tensor, slice], Tensor],
    weights: Tensor,
    ridge: Tensor,
    outputs: int = 1,
) -> Tensor:
    """Coefficients with the least weighted sum of losses and ridge / 2 * coefficients ** 2.

    design: of a chunk's rows, float64 [chunk, columns]. losses: of each of a chunk's rows, given
    its outputs, float64 [chunk, outputs]. weights: [rows]. ridge: [columns]. Returns float64
    [columns, outputs].
    """

    def surroundings(at: Tensor) -> tuple[float, Tensor, Tensor]:
        """Value, gradient and curvature at these coefficients."""
        value = float((ridge[:, None] * at**2).sum()) / 2
        gradient, curvature = ridge[:, None] * at, torch.diag(ridge.repeat(outputs))
        for first in range(0, len(weights), CHUNK_ROWS):
            rows = slice(first, first + CHUNK_ROWS)
            columns = design(rows)
            lost, slope, bend = _of_outputs(columns @ at, rows, losses, weights[rows].double())
            value += lost
            gradient = gradient + columns.T @ slope
            curvature += _of_coefficients(columns, bend)
        return value, gradient, curvature

    found = torch.zeros(len(ridge), outputs, dtype=torch.float64)
    value, gradient, curvature = surroundings(found)
    for _ in range(STEPS):
        curvature.diagonal().add_(SINGULAR * curvature.diagonal().max())
        step = torch.linalg.solve(curvature, gradient.T.flatten()).view(outputs, -1).T
        if (step * gradient).sum() < PRECISE * value:
            return found - step
        better = surroundings(found - step)
        while better[0] > value and (step * gradient).sum() > PRECISE * value:  # too far
            step = step / 2
            better = surroundings(found - step)
        found, (value, gradient, curvature) = found - step, better
    return found


def _of_outputs(
    given: Tensor, rows: slice, losses: Callable[[Tensor, slice], Tensor], weights: Tensor
) -> tuple[float, Tensor, Tensor]:
    """Weighted sum of losses, its slopes [rows, outputs] and bends [rows, outputs, outputs]."""
    given = given.detach().requires_grad_()
    lost = (losses(given, rows) * weights).sum()
    (slope,) = torch.autograd.grad(lost, given, create_graph=True)
    bends = [
        torch.autograd.grad(slope[:, k].sum(), given, retain_graph=True)[0]
        for k in range(given.shape[1])
    ]
    return lost.item(), slope.detach(), torch.stack(bends, dim=1)


def _of_coefficients(columns: Tensor, bend: Tensor) -> Tensor:
    """Curvature of a chunk's loss, [outputs * columns, outputs * columns]."""
    outputs = range(bend.shape[1])
    blocks = [[columns.T @ (columns * bend[:, k, j, None]) for j in outputs] for k in outputs]
    return torch.cat([torch.cat(row, dim=1) for row in blocks])
