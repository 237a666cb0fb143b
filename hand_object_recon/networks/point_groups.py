"""Neighbourhoods in clouds of points, batched."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_within(points: Tensor, centers: int, neighbors: int, radius: float) -> Tensor:
    """(B, centers, neighbors) int64 numbers of the points nearest to each centre, itself among
    them, in no order.

    The centres are the first ``centers`` points. Points beyond the radius are replaced by the
    centre itself.

    points
        (B, N, 3), at least ``neighbors`` of them.
    """
    # By products of matrices points so near to each other would be told apart badly, and not at
    # all in half precision; OpenVINO is slow with torch.cdist.
    places = points.detach().float()
    x, y, z = (
        (places[:, :centers, None, axis] - places[:, None, :, axis]).square() for axis in range(3)
    )
    squares, numbers = (x + y + z).topk(neighbors, dim=2, largest=False, sorted=False)
    own = torch.arange(centers, device=points.device)[None, :, None]
    return torch.where(squares <= radius**2, numbers, own)
