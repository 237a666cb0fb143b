"""Simple bodies as the planes around them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit, PrimitiveKind
from hand_object_recon.object_model.sphere_directions import sphere_directions

FloatArray = NDArray[np.floating[Any]]

_SPHERE_PLANES: Final = 400
_SIDE_PLANES: Final = 48


def primitive_planes(body: PrimitiveFit) -> NDArray[np.float64]:
    """(K, 4) outward unit normals and offsets of planes that touch a body all around.

    What they enclose reaches at most half a percent beyond a round side.
    """
    normals = _normals(body.kind)
    reach = _support(body.kind, 0.5 * body.size_m.astype(np.float64), normals)
    turned = normals @ body.pose[:3, :3].T
    return np.column_stack([turned, -reach - turned @ body.pose[:3, 3]])


def primitive_area_m2(body: PrimitiveFit) -> float:
    """Area of a body's surface."""
    x, y, z = (float(length) for length in body.size_m)
    if body.kind is PrimitiveKind.SPHERE:
        return float(np.pi * x * x)
    if body.kind is PrimitiveKind.CYLINDER:
        return float(np.pi * x * (0.5 * x + z))
    return 2.0 * (x * y + y * z + z * x)


def primitive_box_m(body: PrimitiveFit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (3,) of an upright box that holds the body."""
    half = np.abs(body.pose[:3, :3]) @ (0.5 * body.size_m)
    return body.pose[:3, 3] - half, body.pose[:3, 3] + half


@cache
def _normals(kind: PrimitiveKind) -> NDArray[np.float64]:
    """(K, 3) in the body's own frame."""
    if kind is PrimitiveKind.SPHERE:
        return sphere_directions(_SPHERE_PLANES)
    if kind is PrimitiveKind.BOX:
        return np.concatenate([np.eye(3), -np.eye(3)])
    angles = 2.0 * np.pi * np.arange(_SIDE_PLANES) / _SIDE_PLANES
    side = np.stack([np.cos(angles), np.sin(angles), np.zeros(_SIDE_PLANES)], axis=1)
    return np.concatenate([side, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])


def _support(kind: PrimitiveKind, half_m: FloatArray, normals: FloatArray) -> FloatArray:
    """(K,) how far the body reaches along each of the normals."""
    if kind is PrimitiveKind.BOX:
        return np.abs(normals) @ half_m
    is_end = np.abs(normals[:, 2]) == 1.0
    is_flat = is_end & (kind is PrimitiveKind.CYLINDER)
    return np.where(is_flat, half_m[2], half_m[0])
