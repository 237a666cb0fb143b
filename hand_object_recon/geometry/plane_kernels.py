"""Large planes in a cloud of points, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def points_near_plane(
    points_m: NDArray[np.float64],
    left: NDArray[np.bool_],
    plane: NDArray[np.float64],
    relative: float,
) -> int:
    """How many of the points (N, 3) that are left lie on a plane (4,), within ``relative`` of
    their depth squared and at least 4 mm."""
    count = 0
    for n in range(len(points_m)):
        if left[n]:
            height = (
                plane[0] * points_m[n, 0]
                + plane[1] * points_m[n, 1]
                + plane[2] * points_m[n, 2]
                + plane[3]
            )
            if abs(height) < 0.004 + relative * points_m[n, 2] * points_m[n, 2]:
                count += 1
    return count


@compiled
def best_plane(
    points_m: NDArray[np.float64],
    left: NDArray[np.bool_],
    triples: NDArray[np.int64],
    relative: float,
) -> tuple[NDArray[np.float64], int]:
    """The plane through three points of a triple (T, 3) on which most points lie, and how many."""
    best: NDArray[np.float64] = np.zeros(4)
    most = 0
    for n in range(len(triples)):
        plane = plane_through(
            points_m[triples[n, 0]], points_m[triples[n, 1]], points_m[triples[n, 2]]
        )
        if plane[0] == 0.0 and plane[1] == 0.0 and plane[2] == 0.0:
            continue
        count = points_near_plane(points_m, left, plane, relative)
        if count > most:
            best, most = plane, count
    return best, most


@compiled
def plane_through(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(4,) unit normal towards the camera and offset; zeros where the points are in line."""
    plane = np.zeros(4)
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    if length < 1e-8:
        return plane
    offset = -(nx * a[0] + ny * a[1] + nz * a[2])
    if offset < 0.0:
        length = -length
    plane[0], plane[1], plane[2], plane[3] = nx / length, ny / length, nz / length, offset / length
    return plane
