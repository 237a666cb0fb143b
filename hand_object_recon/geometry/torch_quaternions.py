"""Unit quaternions x, y, z, w in torch, over batches."""

from __future__ import annotations

import torch
from torch import Tensor

_SMALL_SINE = 1e-6


def axis_angle_to_quaternion(rotation_rad: Tensor) -> Tensor:
    """(..., 3) axis times angle in radians to (..., 4)."""
    half = 0.5 * torch.linalg.vector_norm(rotation_rad, dim=-1, keepdim=True)
    factor = 0.5 * torch.sinc(half / torch.pi)
    return torch.cat([factor * rotation_rad, half.cos()], dim=-1)


def quaternion_to_axis_angle(quaternions: Tensor) -> Tensor:
    """(..., 4) to (..., 3) axis times angle, the angle in [0, pi] radians."""
    quaternions = torch.where(quaternions[..., 3:] < 0, -quaternions, quaternions)
    vector, scalar = quaternions[..., :3], quaternions[..., 3:]
    sine = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    angle = 2.0 * torch.atan2(sine, scalar)
    return vector * torch.where(sine < _SMALL_SINE, 2.0, angle / sine.clamp_min(_SMALL_SINE))


def quaternion_to_matrix(quaternions: Tensor) -> Tensor:
    """(..., 4) to (..., 3, 3) rotations."""
    x, y, z, w = quaternions.unbind(dim=-1)
    entries = [
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y - z * w),
        2.0 * (x * z + y * w),
        2.0 * (x * y + z * w),
        1.0 - 2.0 * (x * x + z * z),
        2.0 * (y * z - x * w),
        2.0 * (x * z - y * w),
        2.0 * (y * z + x * w),
        1.0 - 2.0 * (x * x + y * y),
    ]
    return torch.stack(entries, dim=-1).reshape(*quaternions.shape[:-1], 3, 3)


def quaternion_product(first: Tensor, second: Tensor) -> Tensor:
    """(..., 4) of the rotation ``second`` followed by ``first``."""
    vector, scalar = first[..., :3], first[..., 3:]
    other, other_scalar = second[..., :3], second[..., 3:]
    return torch.cat(
        [
            scalar * other + other_scalar * vector + torch.linalg.cross(vector, other),
            scalar * other_scalar - (vector * other).sum(dim=-1, keepdim=True),
        ],
        dim=-1,
    )
