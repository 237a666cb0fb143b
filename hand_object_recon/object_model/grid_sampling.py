"""Trilinear sampling of a distance grid, compiled; other kernels call ``sample_at``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def sample(
    values: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    points_m: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances (N,) and gradients (N, 3) at (N, 3) float32 points; NaN where not known."""
    count = len(points_m)
    distances = np.empty(count, dtype=np.float32)
    gradients = np.empty((count, 3), dtype=np.float32)
    for n in range(count):
        x, y, z = points_m[n]
        distances[n], gradients[n, 0], gradients[n, 1], gradients[n, 2] = sample_at(
            values, origin_m, voxel_m, x, y, z
        )
    return distances, gradients


@compiled
def sample_at(
    values: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    x: float,
    y: float,
    z: float,
) -> tuple[float, float, float, float]:
    """Distance at a point (x, y, z) of the grid's frame and its derivatives along x, y and z.

    All four are NaN outside the grid and where one of the eight voxels around is not known.
    """
    inverse = 1.0 / voxel_m
    u, v, w = (x - origin_m[0]) * inverse, (y - origin_m[1]) * inverse, (z - origin_m[2]) * inverse
    last_x, last_y, last_z = values.shape[0] - 1, values.shape[1] - 1, values.shape[2] - 1
    is_inside = 0.0 <= u <= last_x and 0.0 <= v <= last_y and 0.0 <= w <= last_z
    if not is_inside:  # or not a number
        return np.nan, np.nan, np.nan, np.nan
    i, j, k = min(int(u), last_x - 1), min(int(v), last_y - 1), min(int(w), last_z - 1)
    a, b, c = u - i, v - j, w - k
    v000, v001 = values[i, j, k], values[i, j, k + 1]
    v010, v011 = values[i, j + 1, k], values[i, j + 1, k + 1]
    v100, v101 = values[i + 1, j, k], values[i + 1, j, k + 1]
    v110, v111 = values[i + 1, j + 1, k], values[i + 1, j + 1, k + 1]
    # along z, then y, then x
    v00, v01 = v000 + c * (v001 - v000), v010 + c * (v011 - v010)
    v10, v11 = v100 + c * (v101 - v100), v110 + c * (v111 - v110)
    low, high = v00 + b * (v01 - v00), v10 + b * (v11 - v10)
    along_y = (v01 - v00) + a * ((v11 - v10) - (v01 - v00))
    low_z = (v001 - v000) + b * ((v011 - v010) - (v001 - v000))
    high_z = (v101 - v100) + b * ((v111 - v110) - (v101 - v100))
    along_z = low_z + a * (high_z - low_z)
    return low + a * (high - low), (high - low) * inverse, along_y * inverse, along_z * inverse
