"""Which vertex of the hands is nearest to a place, on a grid of cells, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_CELL_M = 0.006
_REACH_CELLS = 3
_IN_PLANE_M = 0.006


@compiled
def nearest_vertices(
    vertices_m: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Number of the vertex nearest to each cell's centre (nx, ny, nz), -1 beyond 18 mm of all,
    and the corner (3,) of the first cell. Cells have edges of 6 mm."""
    origin, shape = cells_around(vertices_m)
    nearest = np.full((shape[0], shape[1], shape[2]), -1, dtype=np.int32)
    squared = np.full((shape[0], shape[1], shape[2]), np.inf, dtype=np.float32)
    for n in range(len(vertices_m)):
        spread_vertex(n, (vertices_m[n] - origin) / _CELL_M, nearest, squared)
    return nearest, origin


@compiled
def cells_around(vertices_m: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    origin, shape = np.empty(3), np.empty(3, dtype=np.int64)
    margin = (_REACH_CELLS + 1) * _CELL_M
    for axis in range(3):
        low, high = vertices_m[0, axis], vertices_m[0, axis]
        for n in range(len(vertices_m)):
            low, high = min(low, vertices_m[n, axis]), max(high, vertices_m[n, axis])
        origin[axis] = low - margin
        shape[axis] = int(np.ceil((high - low + 2.0 * margin) / _CELL_M))
    return origin, shape


@compiled
def spread_vertex(
    number: int,
    place: NDArray[np.float64],
    nearest: NDArray[np.int32],
    squared: NDArray[np.float32],
) -> None:
    """Write a vertex at ``place`` (3,), in cells, into the cells it is nearest to so far."""
    i0, j0, k0 = int(place[0]), int(place[1]), int(place[2])
    for i in range(i0 - _REACH_CELLS, i0 + _REACH_CELLS + 1):
        x = i + 0.5 - place[0]
        for j in range(j0 - _REACH_CELLS, j0 + _REACH_CELLS + 1):
            y = j + 0.5 - place[1]
            if x * x + y * y > _REACH_CELLS * _REACH_CELLS:
                continue
            for k in range(k0 - _REACH_CELLS, k0 + _REACH_CELLS + 1):
                z = k + 0.5 - place[2]
                distance = x * x + y * y + z * z
                if distance < squared[i, j, k]:
                    squared[i, j, k] = distance
                    nearest[i, j, k] = number


@compiled
def depth_range(nearest: NDArray[np.int32], origin: NDArray[np.float64]) -> tuple[float, float]:
    """Least and greatest z of the cells."""
    return origin[2], origin[2] + nearest.shape[2] * _CELL_M


@compiled
def nearest_at(
    nearest: NDArray[np.int32], origin: NDArray[np.float64], x: float, y: float, z: float
) -> int:
    """Number of the vertex nearest to a point, about; -1 where none is near."""
    i = int(np.floor((x - origin[0]) / _CELL_M))
    j = int(np.floor((y - origin[1]) / _CELL_M))
    k = int(np.floor((z - origin[2]) / _CELL_M))
    if not (0 <= i < nearest.shape[0] and 0 <= j < nearest.shape[1] and 0 <= k < nearest.shape[2]):
        return -1
    return int(nearest[i, j, k])


@compiled
def gap_to(
    vertex_m: NDArray[np.float32], normal: NDArray[np.float32], x: float, y: float, z: float
) -> float:
    """Distance of a point to the surface at a vertex (3,), negative inside.

    To the tangent plane where the point is about above the vertex, else to the vertex itself.
    """
    x, y, z = x - vertex_m[0], y - vertex_m[1], z - vertex_m[2]
    above = x * normal[0] + y * normal[1] + z * normal[2]
    squared = x * x + y * y + z * z
    if squared - above * above < _IN_PLANE_M * _IN_PLANE_M:
        return float(above)
    return float(np.copysign(np.sqrt(squared), above))
