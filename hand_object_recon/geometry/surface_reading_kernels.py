"""Depth that was measured on the triangles of a surface that face the camera, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def read_triangles(
    depth_m: NDArray[np.float32],
    focal_px: tuple[float, float],
    middle_px: tuple[float, float],
    vertices_m: NDArray[np.float64],
    faces: NDArray[np.int32],
    least_facing: float,
    reach_m: float,
    middles_m: NDArray[np.float64],
    areas: NDArray[np.float64],
    gaps_m: NDArray[np.float64],
) -> int:
    """How many triangles there is a reading on; of these the middles (F, 3), the normals (F, 3) as
    long as twice the area, and how much farther the reading is than the middle (F,) are written.

    A triangle faces the camera if the cosine between its normal and the way to the camera is more
    than ``least_facing``. The reading is that of the pixel that shows its middle, and nearer than
    ``reach_m``.
    """
    count = 0
    for face in range(len(faces)):
        first, second, third = (
            vertices_m[faces[face, 0]],
            vertices_m[faces[face, 1]],
            vertices_m[faces[face, 2]],
        )
        z = (first[2] + second[2] + third[2]) / 3.0
        if not z > 0.0:
            continue
        x = (first[0] + second[0] + third[0]) / 3.0
        y = (first[1] + second[1] + third[1]) / 3.0
        ax, ay, az = second[0] - first[0], second[1] - first[1], second[2] - first[2]
        bx, by, bz = third[0] - first[0], third[1] - first[1], third[2] - first[2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        facing = -(nx * x + ny * y + nz * z)
        size, distance = np.sqrt(nx * nx + ny * ny + nz * nz), np.sqrt(x * x + y * y + z * z)
        if not facing > least_facing * size * distance:
            continue
        column = int(np.rint(focal_px[0] * x / z + middle_px[0]))
        row = int(np.rint(focal_px[1] * y / z + middle_px[1]))
        if not (0 <= column < depth_m.shape[1] and 0 <= row < depth_m.shape[0]):
            continue
        gap = depth_m[row, column] - z
        if not abs(gap) < reach_m:  # nor where there is no reading
            continue
        middles_m[count, 0], middles_m[count, 1], middles_m[count, 2] = x, y, z
        areas[count, 0], areas[count, 1], areas[count, 2] = nx, ny, nz
        gaps_m[count] = gap
        count += 1
    return count
