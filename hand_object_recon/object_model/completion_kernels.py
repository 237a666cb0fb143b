"""Signed distances of a completed body on a grid, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_ENOUGH_IMAGES = 3


@compiled
def completed_distances(
    distance: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    truncation_m: float,
    hull: NDArray[np.float64],
    symmetries: NDArray[np.float64],
    low_m: NDArray[np.float64],
    spacing_m: float,
    values: NDArray[np.float32],
) -> None:
    """Fill (nx, ny, nz) values that start at ``low_m``: observed, else symmetric, else the hull's.

    The outermost samples are outside whatever is known, so that the surface closes.
    """
    nx, ny, nz = values.shape
    last_plane = 0
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                x, y, z = (
                    low_m[0] + i * spacing_m,
                    low_m[1] + j * spacing_m,
                    low_m[2] + k * spacing_m,
                )
                value = known_distance(distance, origin_m, voxel_m, x, y, z)
                if math.isnan(value):
                    value, last_plane = _hull_distance(hull, x, y, z, truncation_m, last_plane)
                    if value < truncation_m and len(symmetries):
                        mean = _image_distance(distance, origin_m, voxel_m, symmetries, x, y, z)
                        value = value if math.isnan(mean) else mean
                value = min(max(value, -truncation_m), truncation_m)
                if i in (0, nx - 1) or j in (0, ny - 1) or k in (0, nz - 1):
                    value = max(value, 0.5 * spacing_m)
                values[i, j, k] = value


@compiled
def known_distance(
    distance: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    x: float,
    y: float,
    z: float,
) -> float:
    """Trilinear distance at a point from the known of the eight samples around it.

    NaN outside the grid and where the nearest of them is not known.
    """
    u, v, w = (x - origin_m[0]) / voxel_m, (y - origin_m[1]) / voxel_m, (z - origin_m[2]) / voxel_m
    nx, ny, nz = distance.shape
    if not (0.0 <= u < nx - 1 and 0.0 <= v < ny - 1 and 0.0 <= w < nz - 1):
        return np.nan
    if math.isnan(distance[int(u + 0.5), int(v + 0.5), int(w + 0.5)]):
        return np.nan
    i, j, k = int(u), int(v), int(w)
    a, b, c = u - i, v - j, w - k
    low = _between(distance, i, j, k, b, c)
    high = _between(distance, i + 1, j, k, b, c)
    value = low + a * (high - low)
    return _from_known(distance, i, j, k, a, b, c) if math.isnan(value) else value


@compiled
def _between(distance: NDArray[np.float32], i: int, j: int, k: int, b: float, c: float) -> float:
    """Bilinear value in a layer of the grid; NaN where one of four is."""
    near = distance[i, j, k] + c * (distance[i, j, k + 1] - distance[i, j, k])
    far = distance[i, j + 1, k] + c * (distance[i, j + 1, k + 1] - distance[i, j + 1, k])
    return float(near + b * (far - near))


@compiled
def _from_known(
    distance: NDArray[np.float32], i: int, j: int, k: int, a: float, b: float, c: float
) -> float:
    """Trilinear value of those of eight samples that are known."""
    total, known = 0.0, 0.0
    for right in range(2):
        for down in range(2):
            for on in range(2):
                value = distance[i + right, j + down, k + on]
                if not math.isnan(value):
                    share = (a if right else 1.0 - a) * (b if down else 1.0 - b)
                    share *= c if on else 1.0 - c
                    total += share * value
                    known += share
    return total / known


@compiled
def _image_distance(
    distance: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    symmetries: NDArray[np.float64],
    x: float,
    y: float,
    z: float,
) -> float:
    """Mean distance at the first images of a point that were observed; NaN if none was."""
    total, count = 0.0, 0
    for n in range(len(symmetries)):
        value = known_distance(
            distance,
            origin_m,
            voxel_m,
            _image(symmetries, n, 0, x, y, z),
            _image(symmetries, n, 1, x, y, z),
            _image(symmetries, n, 2, x, y, z),
        )
        if not math.isnan(value):
            total += value
            count += 1
            if count == _ENOUGH_IMAGES:
                break
    return total / count if count else np.nan


@compiled
def _image(
    symmetries: NDArray[np.float64], n: int, axis: int, x: float, y: float, z: float
) -> float:
    turned = symmetries[n, axis, 0] * x + symmetries[n, axis, 1] * y + symmetries[n, axis, 2] * z
    return float(turned + symmetries[n, axis, 3])


@compiled
def _hull_distance(
    hull: NDArray[np.float64], x: float, y: float, z: float, enough_m: float, likely: int
) -> tuple[float, int]:
    """Distance to a convex hull, and the plane it is to; ``enough_m`` once it is found to be more.

    likely
        The plane of a neighbour, which is asked first.
    """
    value = hull[likely, 0] * x + hull[likely, 1] * y + hull[likely, 2] * z + hull[likely, 3]
    plane = likely
    for n in range(len(hull)):
        if value >= enough_m:
            return enough_m, plane
        other = hull[n, 0] * x + hull[n, 1] * y + hull[n, 2] * z + hull[n, 3]
        if other > value:
            value, plane = other, n
    return value, plane
