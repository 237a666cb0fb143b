"""How unlikely heat-maps make the true places: cross-entropies of their softmax.

Squared differences of maps that are almost everywhere empty are small for empty maps, too; these
are not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def image_cross_entropy(maps: Tensor, cells: Tensor) -> Tensor:
    """(B, N) of (B, N, H, W) maps before the softmax, with the four cells around each (B, N, 2)
    place, column and row; places beyond the border count as on it."""
    height, width = maps.shape[2:]
    shares = maps.flatten(2).log_softmax(dim=2).reshape(maps.shape)
    x, y = shares_of_cells(cells[..., 0], width), shares_of_cells(cells[..., 1], height)
    return -(shares * y[..., :, None] * x[..., None, :]).sum(dim=(2, 3))


def line_cross_entropy(lines: Tensor, cells: Tensor) -> Tensor:
    """(B, N) of (B, N, D) lines, with the two cells around each of (B, N) places."""
    shares = shares_of_cells(cells, lines.shape[2])
    return -(lines.log_softmax(dim=2) * shares).sum(dim=2)


def shares_of_cells(numbers: Tensor, count: int) -> Tensor:
    """(..., count) shares of the two cells around each number, which is their mean."""
    cells = torch.arange(count, dtype=numbers.dtype, device=numbers.device)
    inside = numbers.clamp(0, count - 1)
    return (1.0 - (inside[..., None] - cells).abs()).clamp(min=0.0)
