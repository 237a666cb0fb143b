"""Rotations in torch: differentiable everywhere, also at zero."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALL_SQUARED_ANGLE = 1e-8
_TINY_ANGLE = 1e-8


def axis_angle_to_matrix(rotation_rad: Tensor) -> Tensor:
    """(..., 3) axis times angle in radians to (..., 3, 3) rotations (Rodrigues' formula)."""
    squared = (rotation_rad * rotation_rad).sum(dim=-1)[..., None, None]
    is_small = squared < _SMALL_SQUARED_ANGLE
    safe = torch.where(is_small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    first = torch.where(is_small, 1.0 - squared / 6.0, angle.sin() / angle)
    half_sine = (0.5 * angle).sin() / angle
    second = torch.where(is_small, 0.5 - squared / 24.0, 2.0 * half_sine * half_sine)
    cross = cross_matrix(rotation_rad)
    identity = torch.eye(3, dtype=rotation_rad.dtype, device=rotation_rad.device)
    return identity + first * cross + second * (cross @ cross)


def axis_angle_to_rotation_minus_identity(vectors_rad: Tensor, linear: Tensor) -> Tensor:
    """(N, 3) axis times angle in radians to (N, 9), the rows of each rotation minus identity.

    Ten operations, for those who pose small batches. ``linear`` is
    ``rotations.PRODUCTS_TO_ROTATION_MINUS_IDENTITY`` as a tensor of the same type.
    """
    half = vectors_rad * 0.5
    angle = torch.linalg.vector_norm(half, dim=1, keepdim=True).clamp_min(_TINY_ANGLE)
    quaternion = torch.cat([half * (angle.sin() / angle), angle.cos()], dim=1)
    products = quaternion.unsqueeze(2) * quaternion.unsqueeze(1)
    return products.view(-1, 16) @ linear


def cross_matrix(vectors: Tensor) -> Tensor:
    """(..., 3) vectors to (..., 3, 3) matrices with ``cross_matrix(a) @ b == cross(a, b)``."""
    x, y, z = vectors.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return rows.reshape(*vectors.shape[:-1], 3, 3)


def rotation_6d_to_matrix(rotation_6d: Tensor) -> Tensor:
    """(..., 6) the first two columns of a matrix, orthonormalised, to (..., 3, 3) rotations.

    Zhou et al., "On the Continuity of Rotation Representations", 2019, section 4.2.
    """
    first = functional.normalize(rotation_6d[..., :3], dim=-1)
    second = rotation_6d[..., 3:]
    second = second - (first * second).sum(dim=-1, keepdim=True) * first
    second = functional.normalize(second, dim=-1)
    third = torch.linalg.cross(first, second)
    return torch.stack([first, second, third], dim=-1)


def matrix_to_rotation_6d(rotations: Tensor) -> Tensor:
    """(..., 3, 3) rotations to the (..., 6) of ``rotation_6d_to_matrix``."""
    return torch.cat([rotations[..., 0], rotations[..., 1]], dim=-1)
