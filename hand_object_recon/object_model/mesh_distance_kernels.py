"""The loops that turn a triangle mesh into signed distances, compiled; lengths in voxels."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

Float64Array = NDArray[np.float64]
Float32Array = NDArray[np.float32]

_BAND: Final = 1.7321  # the diagonal of a voxel: corners of what the surface passes through
_FAR: Final = np.float32(1e12)
_NOWHERE: Final = np.float32(1e7)  # so far that no grid point takes it


@compiled
def signed_distances(
    vertices: Float64Array, faces: NDArray[np.int32], shape: NDArray[np.int64]
) -> Float32Array:
    """(nx, ny, nz) float32 distances at whole-numbered points to a mesh, negative inside.

    vertices (V, 3) float64 and faces (F, 3) int32, C-contiguous; ``shape`` (3,) int64.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    squared = np.full((nx, ny, nz), _FAR, dtype=np.float32)
    feet = np.full((nx, ny, nz, 3), _NOWHERE, dtype=np.float32)
    windings = np.zeros((nx, ny, nz), dtype=np.int8)
    for f in range(len(faces)):
        _mark_near(vertices, faces[f], squared, feet)
        _mark_crossings(vertices, faces[f], windings)
    _hand_on_feet(squared, feet)
    for i in range(nx):
        for j in range(ny):
            winding = 0
            for k in range(nz):
                winding += windings[i, j, k]
                distance = math.sqrt(squared[i, j, k])
                squared[i, j, k] = -distance if winding > 0 else distance
    return squared


@compiled
def _mark_near(
    vertices: Float64Array, face: NDArray[np.int32], squared: Float32Array, feet: Float32Array
) -> None:
    """Offer a triangle's nearest points to the grid points around it."""
    ax, ay, az = vertices[face[0], 0], vertices[face[0], 1], vertices[face[0], 2]
    bx, by, bz = vertices[face[1], 0], vertices[face[1], 1], vertices[face[1], 2]
    cx, cy, cz = vertices[face[2], 0], vertices[face[2], 1], vertices[face[2], 2]
    ux, uy, uz = bx - ax, by - ay, bz - az
    vx, vy, vz = cx - ax, cy - ay, cz - az
    normal_x, normal_y, normal_z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area_squared = normal_x * normal_x + normal_y * normal_y + normal_z * normal_z
    reach_squared = _BAND * _BAND * area_squared
    uu, uv, vv = (
        ux * ux + uy * uy + uz * uz,
        ux * vx + uy * vy + uz * vz,
        vx * vx + vy * vy + vz * vz,
    )
    low_i, high_i = _span(ax, bx, cx, squared.shape[0])
    low_j, high_j = _span(ay, by, cy, squared.shape[1])
    low_k, high_k = _span(az, bz, cz, squared.shape[2])
    for i in range(low_i, high_i):
        for j in range(low_j, high_j):
            for k in range(low_k, high_k):
                px, py, pz = i - ax, j - ay, k - az
                height = px * normal_x + py * normal_y + pz * normal_z
                if height * height > reach_squared:
                    continue
                s, t = _nearest_weights(
                    px * ux + py * uy + pz * uz, px * vx + py * vy + pz * vz, uu, uv, vv
                )
                dx, dy, dz = s * ux + t * vx - px, s * uy + t * vy - py, s * uz + t * vz - pz
                distance = dx * dx + dy * dy + dz * dz
                if distance < squared[i, j, k]:
                    squared[i, j, k] = distance
                    feet[i, j, k, 0], feet[i, j, k, 1] = i + dx, j + dy
                    feet[i, j, k, 2] = k + dz


@compiled
def _span(a: float, b: float, c: float, count: int) -> tuple[int, int]:
    """First whole number within the band around three, and one after the last."""
    low = math.ceil(min(a, b, c) - _BAND)
    high = math.floor(max(a, b, c) + _BAND) + 1
    return max(int(low), 0), min(int(high), count)


@compiled
def _nearest_weights(pu: float, pv: float, uu: float, uv: float, vv: float) -> tuple[float, float]:
    """Shares (s, t) of a triangle's edges u and v at its point nearest to p, all from a corner.

    Takes the products of p, u and v with each other (Ericson, "Real-Time Collision Detection",
    5.1.5: the regions of the plane around the triangle one by one).
    """
    bu, bv, cu, cv = pu - uu, pv - uv, pu - uv, pv - vv
    if pu <= 0.0 and pv <= 0.0:
        return 0.0, 0.0
    if bu >= 0.0 and bv <= bu:
        return 1.0, 0.0
    if cv >= 0.0 and cu <= cv:
        return 0.0, 1.0
    return _weights_off_corners(pu, pv, bu, bv, cu, cv)


@compiled
def _weights_off_corners(
    pu: float, pv: float, bu: float, bv: float, cu: float, cv: float
) -> tuple[float, float]:
    """The same where no corner is nearest; products with p taken from each corner in turn."""
    outside_u, outside_v, outside_w = pu * bv - bu * pv, cu * pv - pu * cv, bu * cv - cu * bv
    if outside_u <= 0.0 and pu >= 0.0 and bu <= 0.0:
        return pu / (pu - bu), 0.0
    if outside_v <= 0.0 and pv >= 0.0 and cv <= 0.0:
        return 0.0, pv / (pv - cv)
    if outside_w <= 0.0 and bv - bu >= 0.0 and cu - cv >= 0.0:
        t = (bv - bu) / ((bv - bu) + (cu - cv))
        return 1.0 - t, t
    scale = 1.0 / (outside_u + outside_v + outside_w)
    return outside_v * scale, outside_u * scale


@compiled
def _mark_crossings(
    vertices: Float64Array, face: NDArray[np.int32], windings: NDArray[np.int8]
) -> None:
    """Count where the lines along z enter the body through a triangle (+1) or leave it (-1).

    Each is entered at the first grid point at or after the crossing.
    """
    a, b, c = face[0], face[1], face[2]
    low_i, high_i = _span(vertices[a, 0], vertices[b, 0], vertices[c, 0], windings.shape[0])
    low_j, high_j = _span(vertices[a, 1], vertices[b, 1], vertices[c, 1], windings.shape[1])
    for i in range(low_i, high_i):
        for j in range(low_j, high_j):
            side_c, left_c = _side(vertices, a, b, i, j)
            side_a, left_a = _side(vertices, b, c, i, j)
            side_b, left_b = _side(vertices, c, a, i, j)
            if left_a != left_b or left_a != left_c:
                continue
            total = side_a + side_b + side_c
            height = side_a * vertices[a, 2] + side_b * vertices[b, 2] + side_c * vertices[c, 2]
            k = math.ceil(height / total)
            if 0 <= k < windings.shape[2]:
                windings[i, j, k] += -1 if left_a else 1


@compiled
def _side(vertices: Float64Array, start: int, end: int, i: int, j: int) -> tuple[float, bool]:
    """Twice the area of an edge and the line at (i, j), and whether the line is on its left.

    Of the two triangles of an edge exactly one has a line on the edge: the area is computed in
    one order of the corners and turned round for the other.
    """
    first, second = min(start, end), max(start, end)
    x, y = vertices[first, 0] - i, vertices[first, 1] - j
    area = x * (vertices[second, 1] - j) - y * (vertices[second, 0] - i)
    is_left = area >= 0.0
    return (area, is_left) if start < end else (-area, not is_left)


@compiled
def _hand_on_feet(squared: Float32Array, feet: Float32Array) -> None:
    """Each grid point takes the nearest of its own and its neighbours' surface points, in turn.

    There and back through the grid, twice (a vector distance transform).
    """
    nx, ny = squared.shape[0], squared.shape[1]
    for _ in range(2):
        for i in range(nx):
            for j in range(ny):
                if i > 0:
                    _take_from_row(squared[i, j], feet[i, j], feet[i - 1, j], i, j)
                if j > 0:
                    _take_from_row(squared[i, j], feet[i, j], feet[i, j - 1], i, j)
                _take_along_row(squared[i, j], feet[i, j], i, j, 1)
        for i in range(nx - 1, -1, -1):
            for j in range(ny - 1, -1, -1):
                if i < nx - 1:
                    _take_from_row(squared[i, j], feet[i, j], feet[i + 1, j], i, j)
                if j < ny - 1:
                    _take_from_row(squared[i, j], feet[i, j], feet[i, j + 1], i, j)
                _take_along_row(squared[i, j], feet[i, j], i, j, -1)


@compiled
def _take_from_row(
    squared: Float32Array, feet: Float32Array, others: Float32Array, i: int, j: int
) -> None:
    """Take the surface points (nz, 3) of the row beside the row (i, j) where they are nearer."""
    for k in range(len(squared)):
        x, y = others[k, 0] - np.float32(i), others[k, 1] - np.float32(j)
        z = others[k, 2] - np.float32(k)
        distance = x * x + y * y + z * z
        if distance < squared[k]:
            squared[k] = distance
            feet[k, 0], feet[k, 1], feet[k, 2] = others[k, 0], others[k, 1], others[k, 2]


@compiled
def _take_along_row(squared: Float32Array, feet: Float32Array, i: int, j: int, step: int) -> None:
    """Hand surface points on along the row (i, j), up it (step 1) or down (-1)."""
    count = len(squared)
    first = 1 if step > 0 else count - 2
    for n in range(count - 1):
        k = first + step * n
        x, y = feet[k - step, 0] - np.float32(i), feet[k - step, 1] - np.float32(j)
        z = feet[k - step, 2] - np.float32(k)
        distance = x * x + y * y + z * z
        if distance < squared[k]:
            squared[k] = distance
            feet[k, 0], feet[k, 1] = feet[k - step, 0], feet[k - step, 1]
            feet[k, 2] = feet[k - step, 2]
