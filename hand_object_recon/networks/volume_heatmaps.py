"""Places in space read from volumetric heat-maps.

Pavlakos et al., "Coarse-to-fine volumetric prediction", CVPR 2017; Sun et al., "Integral human
pose regression", ECCV 2018.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.networks.heatmap_losses import image_cross_entropy, line_cross_entropy
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
        """(B, points, 3) expected places in cells."""
        return places_of(self.volumes(features))


def places_of(volumes: Tensor) -> Tensor:
    """(B, N, 3) expected cells x, y and depth of (B, N, D, H, W) volumes, counted in ``CELLS``
    across the image, the first cell's number being 0."""
    height, width = volumes.shape[3:]
    return expected_cells(volumes) * volumes.new_tensor([CELLS / width, CELLS / height, 1.0])


@in_single_precision
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
    slopes = (pixels - cameras[:, None, :2, 2]) / _focal(cameras)
    return torch.cat([slopes * z[..., None], z[..., None]], dim=2)


def camera_to_cells(
    points_m: Tensor,
    cameras: Tensor,
    middle_z_m: Tensor,
    half_depth_m: float,
    pixels_per_cell: float,
) -> Tensor:
    """(B, N, 3) points to the cells that ``cells_to_camera`` takes to them."""
    z = points_m[..., 2:]
    depth = ((z - middle_z_m[:, None, None]) / half_depth_m + 1.0) / 2.0 * CELLS
    pixels = points_m[..., :2] / z * _focal(cameras) + cameras[:, None, :2, 2]
    return torch.cat([pixels / pixels_per_cell, depth], dim=2)


def heatmap_loss(volumes: Tensor, places: Tensor) -> Tensor:
    """How unlikely (B, N, D, H, W) volumes make (B, N, 3) places: the mean cross-entropy, in the
    image and in depth, of the softmax with the cells on both sides of each place.

    Places are counted as ``places_of`` does; those beyond the border count as on it.
    """
    height, width = volumes.shape[3:]
    in_image = places[..., :2] * places.new_tensor([width, height]) / CELLS
    image_loss = image_cross_entropy(volumes.logsumexp(dim=2), in_image)
    depth_loss = line_cross_entropy(volumes.flatten(3).logsumexp(dim=3), places[..., 2])
    loss: Tensor = (image_loss + depth_loss).mean()
    return loss


def _focal(cameras: Tensor) -> Tensor:
    return torch.stack([cameras[:, 0, 0], cameras[:, 1, 1]], dim=1)[:, None]
