"""Points on the surface of a distance grid, compiled."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.object_model.grid_sampling import sample_at

_MOST_PROBES: Final = 32768
_WITHIN_VOXELS: Final = 0.9


@compiled
def surface_points(
    values: NDArray[np.float32], origin_m: NDArray[np.float64], voxel_m: float, most: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """At most ``most`` points (N, 3) on the known surface and their unit normals (N, 3).

    They start from the middles of cells the surface may pass through (of every few cells in a large
    grid) and follow the gradient.
    """
    nx, ny, nz = values.shape
    stride = max(1, math.ceil((nx * ny * nz / _MOST_PROBES) ** (1.0 / 3.0)))
    probes = ((nx - 2) // stride + 1) * ((ny - 2) // stride + 1) * ((nz - 2) // stride + 1)
    places = np.empty((probes, 6), dtype=np.float32)
    found = 0
    for i in range(0, nx - 1, stride):
        for j in range(0, ny - 1, stride):
            for k in range(0, nz - 1, stride):
                if not abs(values[i, j, k]) < _WITHIN_VOXELS * voxel_m:
                    continue
                x = origin_m[0] + i * voxel_m
                y = origin_m[1] + j * voxel_m
                z = origin_m[2] + k * voxel_m
                d, gx, gy, gz = sample_at(values, origin_m, voxel_m, x, y, z)
                squared = gx * gx + gy * gy + gz * gz
                if not squared > 0.25:  # or not known
                    continue
                places[found, 0] = x - d * gx / squared
                places[found, 1] = y - d * gy / squared
                places[found, 2] = z - d * gz / squared
                length = math.sqrt(squared)
                places[found, 3], places[found, 4] = gx / length, gy / length
                places[found, 5] = gz / length
                found += 1
    count = min(found, most)
    points = np.empty((count, 3), dtype=np.float32)
    normals = np.empty((count, 3), dtype=np.float32)
    for n in range(count):
        points[n] = places[n * found // count, :3]
        normals[n] = places[n * found // count, 3:]
    return points, normals
