"""2-D joints out of heat-maps: the centre of mass of their softmax."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from hand_object_recon.geometry.single_precision import in_single_precision

CONFIDENT_WITHIN: Final = 0.1
"""Of the crop's edge: what of a heat-map lies nearer to the answered place speaks for it."""

_FIRST_SHARPNESS: Final = 10.0


class FoundJoints(NamedTuple):
    """uv (B, N, 2) shares of the crop's edge; confidence (B, N) from 0 to 1."""

    uv: Tensor
    confidence: Tensor


class HeatmapJoints(nn.Module):
    """(B, N, K, K) heat-maps to places, each point's map sharpened by a learned factor.

    The factor is one over HandOccNet's temperature; its logarithm is learned, so it stays above
    zero. Where a map has two peaks the answer lies between them and its confidence is low.
    """

    def __init__(self, points: int) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.full((points,), _FIRST_SHARPNESS).log())

    def sharpened(self, heatmaps: Tensor) -> Tensor:
        """(..., N, K, K) maps as the softmax takes them."""
        return heatmaps * self.log_sharpness.exp()[:, None, None]

    @in_single_precision
    def forward(self, heatmaps: Tensor) -> FoundJoints:
        shares = self.sharpened(heatmaps).flatten(2).softmax(dim=2)
        cells = cell_centres(heatmaps)
        # No matrix product: mixed precision would round places to a 256th of the edge.
        uv = (shares[..., None] * cells).sum(dim=2)
        squared = (cells - uv[:, :, None].detach()).square().sum(dim=3)
        confidence = (shares * (squared < CONFIDENT_WITHIN**2)).sum(dim=2)
        return FoundJoints(uv, confidence)


def cell_centres(heatmaps: Tensor) -> Tensor:
    """(K * K, 2) x and y of the middles of the cells of (..., K, K) maps, row after row."""
    rows, columns = heatmaps.shape[-2:]
    x = (torch.arange(columns, device=heatmaps.device, dtype=heatmaps.dtype) + 0.5) / columns
    y = (torch.arange(rows, device=heatmaps.device, dtype=heatmaps.dtype) + 0.5) / rows
    down, right = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([right.flatten(), down.flatten()], dim=1)
