"""Points on the seen surface of a fused grid, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_NEAR_VOXELS = 0.5
_LEAST_GRADIENT = 0.4  # of a distance's; flatter is noise


@compiled
def surface_points(
    values: NDArray[np.float32],
    texture: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (N, 3) and unit normals (N, 3), one of every voxel the seen surface passes through."""
    near = _NEAR_VOXELS * voxel_m
    count = 0
    for value in values.ravel():
        if abs(value) <= near:
            count += 1
    points = np.empty((count, 3), dtype=np.float32)
    normals = np.empty((count, 3), dtype=np.float32)
    found = 0
    for i in range(1, values.shape[0] - 1):
        for j in range(1, values.shape[1] - 1):
            for k in range(1, values.shape[2] - 1):
                value = values[i, j, k]
                if not (abs(value) <= near and texture[i, j, k] >= 0.0):
                    continue
                if not _is_crossed(values, i, j, k):
                    continue
                gx = _slope(values[i - 1, j, k], value, values[i + 1, j, k])
                gy = _slope(values[i, j - 1, k], value, values[i, j + 1, k])
                gz = _slope(values[i, j, k - 1], value, values[i, j, k + 1])
                length = math.sqrt(gx * gx + gy * gy + gz * gz)
                if not length >= _LEAST_GRADIENT * voxel_m:
                    continue
                nx, ny, nz = gx / length, gy / length, gz / length
                points[found, 0] = origin_m[0] + i * voxel_m - value * nx
                points[found, 1] = origin_m[1] + j * voxel_m - value * ny
                points[found, 2] = origin_m[2] + k * voxel_m - value * nz
                normals[found] = nx, ny, nz
                found += 1
    return points[:found].copy(), normals[:found].copy()


@compiled
def _is_crossed(values: NDArray[np.float32], i: int, j: int, k: int) -> bool:
    """Whether a neighbour lies on the other side of the surface.

    Small distances without one are bounds: the object ends at least so far away.
    """
    is_outside = values[i, j, k] >= 0.0
    for step in (-1, 1):
        for other in (values[i + step, j, k], values[i, j + step, k], values[i, j, k + step]):
            if not math.isnan(other) and (other >= 0.0) != is_outside:
                return True
    return False


@compiled
def _slope(before: float, here: float, after: float) -> float:
    """Change per voxel, to one side only where the other is not known; NaN where neither is."""
    if math.isnan(before):
        return after - here
    if math.isnan(after):
        return here - before
    return 0.5 * (after - before)
