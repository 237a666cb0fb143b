"""Places in space read from volumetric heat-maps.

Pavlakos et al., "Coarse-to-fine volumetric prediction", CVPR 2017; Sun et al., "Integral human
pose regression", ECCV 2018.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.networks.upsampling import upsampling

CELLS: Final = 64
"""Cells along each edge of a heat-map, in depth too."""

PAPER_DOUBLINGS: Final = 3
"""How often the features' size is doubled on the way to the heat-maps."""


class VolumeHeatmaps(nn.Module):
    """Expected places of ``points`` points from features whose size is doubled ``doublings`` times.

    Places count in ``CELLS`` across the image, however many cells the heat-maps have.
    """

    def __init__(
        self, channels_in: int, channels: int, points: int, doublings: int = PAPER_DOUBLINGS
    ) -> None:
        super().__init__()
        self.neck = upsampling(channels_in, channels, doublings)
        self.head = nn.Conv2d(channels, points * CELLS, 1)
        self._points = points

    def volumes(self, features: Tensor) -> Tensor:
        """(B, points, depth, height, width) before the softmax."""
        flat: Tensor = self.head(self.neck(features))
        return flat.reshape(len(flat), self._points, CELLS, *flat.shape[2:])

    def forward(self, features: Tensor) -> Tensor:
        """(B, points, 3) expected cells x, y and depth, the first cell's number being 0."""
        volumes = self.volumes(features)
        height, width = volumes.shape[3:]
        return expected_cells(volumes) * volumes.new_tensor([CELLS / width, CELLS / height, 1.0])


def expected_cells(volumes: Tensor) -> Tensor:
    """(B, N, D, H, W) volumes to (B, N, 3) expected x, y and depth under their softmax."""
    shares = volumes.flatten(2).softmax(dim=2).reshape(volumes.shape)
    places = []
    for axis, others in ((4, (2, 3)), (3, (2, 4)), (2, (3, 4))):
        numbers = torch.arange(volumes.shape[axis], dtype=volumes.dtype, device=volumes.device)
        places.append(shares.sum(dim=others) @ numbers)
    return torch.stack(places, dim=2)


def cells_to_camera(
    cells: Tensor, cameras: Tensor, middle_z_m: Tensor, half_depth_m: float, pixels_per_cell: float
) -> Tensor:
    """(B, N, 3) cells to points in metres in the axes of (B, 3, 3) cameras.

    middle_z_m: (B,) depth of the heat-maps' middle; they reach ``half_depth_m`` before and behind
    it.
    """
    z = (cells[..., 2] / CELLS * 2.0 - 1.0) * half_depth_m + middle_z_m[:, None]
    pixels = cells[..., :2] * pixels_per_cell
    focal = torch.stack([cameras[:, 0, 0], cameras[:, 1, 1]], dim=1)[:, None]
    slopes = (pixels - cameras[:, None, :2, 2]) / focal
    return torch.cat([slopes * z[..., None], z[..., None]], dim=2)
