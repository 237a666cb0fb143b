"""The search for the triangle nearest to a point, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

Float64Array = NDArray[np.float64]


@compiled
def nearest_distances(
    points_m: Float64Array,
    triangles_m: Float64Array,
    centers_m: Float64Array,
    radii_m: Float64Array,
    bounds_m: Float64Array,
) -> Float64Array:
    """(N,) distances of points (N, 3) to the nearest of triangles (F, 3, 3).

    centers_m, radii_m
        (F, 3) and (F,) balls around the triangles; those beyond what was found are left out.
    bounds_m
        (N,) distances that are not exceeded.
    """
    nearest = np.empty(len(points_m), dtype=np.float64)
    for point in range(len(points_m)):
        x, y, z = points_m[point, 0], points_m[point, 1], points_m[point, 2]
        least = bounds_m[point]
        for triangle in range(len(triangles_m)):
            dx, dy = centers_m[triangle, 0] - x, centers_m[triangle, 1] - y
            dz = centers_m[triangle, 2] - z
            reach = least + radii_m[triangle]
            if dx * dx + dy * dy + dz * dz < reach * reach:
                squared = squared_distance(triangles_m[triangle], x, y, z)
                if squared < least * least:
                    least = math.sqrt(squared)
        nearest[point] = least
    return nearest


@compiled
def squared_distance(corners_m: Float64Array, x: float, y: float, z: float) -> float:
    """Of a point to a triangle (3, 3): to its plane within its prism, else to an edge."""
    ux, uy, uz = _edge(corners_m, 0, 1)
    vx, vy, vz = _edge(corners_m, 0, 2)
    px, py, pz = x - corners_m[0, 0], y - corners_m[0, 1], z - corners_m[0, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = nx * nx + ny * ny + nz * nz
    second = (py * vz - pz * vy) * nx + (pz * vx - px * vz) * ny + (px * vy - py * vx) * nz
    third = (uy * pz - uz * py) * nx + (uz * px - ux * pz) * ny + (ux * py - uy * px) * nz
    if area > 0.0 and second >= 0.0 and third >= 0.0 and second + third <= area:
        height = px * nx + py * ny + pz * nz
        return float(height * height / area)
    least = _to_edge(corners_m, 0, 1, x, y, z)
    least = min(least, _to_edge(corners_m, 1, 2, x, y, z))
    return min(least, _to_edge(corners_m, 2, 0, x, y, z))


@compiled
def _edge(corners_m: Float64Array, start: int, end: int) -> tuple[float, float, float]:
    return (
        corners_m[end, 0] - corners_m[start, 0],
        corners_m[end, 1] - corners_m[start, 1],
        corners_m[end, 2] - corners_m[start, 2],
    )


@compiled
def _to_edge(corners_m: Float64Array, start: int, end: int, x: float, y: float, z: float) -> float:
    """Squared distance of a point to an edge of a triangle."""
    ex, ey, ez = _edge(corners_m, start, end)
    px, py, pz = x - corners_m[start, 0], y - corners_m[start, 1], z - corners_m[start, 2]
    squared = ex * ex + ey * ey + ez * ez
    along = 0.0
    if squared > 0.0:
        along = min(max((px * ex + py * ey + pz * ez) / squared, 0.0), 1.0)
    dx, dy, dz = px - along * ex, py - along * ey, pz - along * ez
    return float(dx * dx + dy * dy + dz * dz)
