"""What the image shows where query points are projected to (section 3.3)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE

PLACE_FEATURES: Final = 4
"""Depth and the unit direction of the viewing ray, which follow the map's channels."""


@in_single_precision
def aligned_features(maps: Tensor, points_m: Tensor, cameras: Tensor) -> Tensor:
    """(B, P, C + 4) features of (B, P, 3) points in metres in the camera's axes.

    maps (B, C, H, W) are read bilinearly; their corner cells' middles lie on the crop's corners,
    and there is nothing beyond them.
    """
    places = map_places(points_m, cameras)
    seen = functional.grid_sample(maps, places[:, :, None], align_corners=True)[..., 0].mT
    return torch.cat([seen, place_features(points_m)], dim=2)


def map_places(points_m: Tensor, cameras: Tensor) -> Tensor:
    """(B, P, 2) where (B, P, 3) points are seen by (B, 3, 3) cameras, -1 to 1 across the crop."""
    projected = points_m @ cameras.mT
    return projected[..., :2] / projected[..., 2:] * (2.0 / IMAGE_SIZE) - 1.0


def place_features(points_m: Tensor) -> Tensor:
    """(B, P, 4) depth and direction of (B, P, 3) points."""
    return torch.cat([points_m[..., 2:], functional.normalize(points_m, dim=-1)], dim=-1)
