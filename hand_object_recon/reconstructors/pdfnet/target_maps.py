"""The maps of hands' middles and keypoints that the network learns to draw."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_BOX_SHARE: Final = 0.7  # of the box that counts, taken up by its keypoints
_LEAST_OVERLAP: Final = 0.7


def spot_radii(extents: Tensor) -> Tensor:
    """(...) whole cells that a spot reaches beyond its own, for hands (..., 2) cells wide and high.

    The rule of CornerNet's code, with what is known as its slip: 0.27 of a square box's edge.
    """
    width, height = (extents / _BOX_SHARE).ceil().unbind(dim=-1)
    half_edge = _LEAST_OVERLAP * (width + height)
    freed = 4.0 * _LEAST_OVERLAP * (1.0 - _LEAST_OVERLAP) * width * height
    return ((half_edge.square() + freed).sqrt() - half_edge).floor()


def spots(cells: Tensor, radii: Tensor, size: int) -> Tensor:
    """(..., size, size) maps, each with a round spot: 1 in its cell, 0 beyond its radius.

    cells
        (..., 2) column and row, which may lie beyond the map.
    radii
        (...) how far it reaches; three standard deviations are a little more than that.
    """
    places = torch.arange(size, device=cells.device)
    gaps = places - cells[..., None]
    deviation = (2.0 * radii + 1.0) / 6.0
    profile = torch.exp(-(gaps / deviation[..., None, None]).square() / 2.0)
    profile = profile * (gaps.abs() <= radii[..., None, None])
    return profile[..., 1, :, None] * profile[..., 0, None, :]
