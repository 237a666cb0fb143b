"""Between a crop, the rays of its camera, and hands in metres."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.geometry.single_precision import in_single_precision

_NEAREST_POINT_M: Final = 0.01
_NEAREST_M: Final = 0.05
_FARTHEST_M: Final = 5.0
_LEAST_SPREAD: Final = 1e-6
_LEAST_WEIGHT: Final = 1e-3


def uv_to_slopes(uv: Tensor, half_slopes: Tensor, size: int) -> Tensor:
    """(B, N, 2) shares of the edge of crops of ``size`` pixels to slopes x/z and y/z.

    The crop's camera looks along the pixel at size / 2 (``CropCamera.intrinsics``), whose middle
    is half a pixel beside the crop's.
    """
    return 2.0 * half_slopes[:, None, None] * (uv - 0.5 - 0.5 / size)


def slopes_to_uv(slopes: Tensor, half_slopes: Tensor, size: int) -> Tensor:
    """The way back."""
    return slopes / (2.0 * half_slopes[:, None, None]) + 0.5 + 0.5 / size


def points_to_uv(points_m: Tensor, half_slopes: Tensor, size: int) -> Tensor:
    """(B, N, 2) where (B, N, 3) points are in the crop; those nearer than 1 cm, or behind the
    camera, as if they were at 1 cm."""
    z = points_m[..., 2:].clamp_min(_NEAREST_POINT_M)
    return slopes_to_uv(points_m[..., :2] / z, half_slopes, size)


def wrists_on_rays(joints_m: Tensor, slopes: Tensor, weights: Tensor) -> Tensor:
    """(B, 3) where wrists are so that joints lie best on the rays through the crop.

    Least squares of x + tx = u (z + tz) and the same for y over (B, N, 3) joints about the wrist,
    (B, N, 2) slopes and (B, N) weights; from 5 cm to 5 m before the camera.
    """
    shares = (weights + _LEAST_WEIGHT) / (weights + _LEAST_WEIGHT).sum(dim=1, keepdim=True)
    shares = shares[..., None]
    rests = slopes * joints_m[..., 2:] - joints_m[..., :2]
    slope_mean, rest_mean = (shares * slopes).sum(dim=1), (shares * rests).sum(dim=1)
    apart = slopes - slope_mean[:, None]
    spread = (shares * apart.square()).sum(dim=(1, 2)).clamp_min(_LEAST_SPREAD)
    together = (shares * apart * (rests - rest_mean[:, None])).sum(dim=(1, 2))
    z = (-together / spread).clamp(_NEAREST_M, _FARTHEST_M)[:, None]
    return torch.cat([rest_mean + slope_mean * z, z], dim=1)


@in_single_precision
def sampled(maps: Tensor, uv: Tensor, mode: str = "bilinear") -> Tensor:
    """(B, N, C) values of (B, C, H, W) maps at (B, N, 2) shares of their edges; 0 outside."""
    places = 2.0 * uv[:, :, None] - 1.0
    values = functional.grid_sample(maps, places, mode=mode, align_corners=False)
    return values[..., 0].transpose(1, 2)
