"""Poses of a body tried one by one against a view, compiled."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.object_model.registration_kernels import (
    LEAST_AGREEMENT,
    align,
    distances_at,
)

Float64Array = NDArray[np.float64]
Float32Array = NDArray[np.float32]

_ON_SURFACE_M: Final = 0.008
_FACING: Final = 0.3
_BESIDE_PX: Final = 2.0
_IN_FRONT_M: Final = 0.01
_NEAREST_M: Final = 0.05
_FAR_M: Final = 1e3


@compiled
def search(
    values: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    body: Float32Array,
    body_normals: Float32Array,
    points: Float32Array,
    normals: Float32Array,
    greys: Float32Array,
    depth_m: Float32Array,
    beyond_px: Float32Array,
    camera: Float64Array,
    starts: Float64Array,
    prior: Float64Array,
    iterations: int,
) -> tuple[Float64Array, Float64Array]:
    """Each of the poses (P, 4, 4) aligned to the points of a view, and how well it fits (P,).

    Arrays as ``align`` takes them; body, body_normals (M, 3) float32 of the body's surface.
    """
    poses = np.empty_like(starts)
    scores = np.empty(len(starts))
    nothing = np.zeros((0, 0, 0), dtype=np.float32)
    for n in range(len(starts)):
        poses[n], _, _ = align(
            values,
            nothing,
            origin_m,
            voxel_m,
            points,
            normals,
            greys,
            body,
            body_normals,
            beyond_px,
            camera,
            starts[n],
            prior,
            iterations,
        )
        on_surface = share_on_surface(values, origin_m, voxel_m, points, normals, poses[n])
        scores[n] = on_surface - share_in_free_space(
            body, body_normals, poses[n], depth_m, beyond_px, camera
        )
    return poses, scores


@compiled
def share_on_surface(
    values: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    points: Float32Array,
    normals: Float32Array,
    pose: Float64Array,
) -> float:
    """How many of (N, 3) points lie on the surface with its normal, the closer the more: 0 to 1."""
    distances, agreements = distances_at(values, origin_m, voxel_m, points, normals, pose)
    total = 0.0
    for n in range(len(points)):
        if abs(distances[n]) < _ON_SURFACE_M and agreements[n] > LEAST_AGREEMENT:
            far = distances[n] / _ON_SURFACE_M
            total += (1.0 - far * far) * min(1.0, agreements[n] / 0.8)
    return total / max(len(points), 1)


@compiled
def share_in_free_space(
    body: Float32Array,
    body_normals: Float32Array,
    pose: Float64Array,
    depth_m: Float32Array,
    beyond_px: Float32Array,
    camera: Float64Array,
) -> float:
    """Share of the points (M, 3) that face the camera where the view sees through them: before
    what lies behind the object, or clearly before the object's own depth."""
    height, width = depth_m.shape
    facing, seen_through = 0, 0
    for n in range(len(body)):
        x, y, z = pose[0, 3], pose[1, 3], pose[2, 3]
        nx, ny, nz = 0.0, 0.0, 0.0
        for c in range(3):
            x += pose[0, c] * body[n, c]
            y += pose[1, c] * body[n, c]
            z += pose[2, c] * body[n, c]
            nx += pose[0, c] * body_normals[n, c]
            ny += pose[1, c] * body_normals[n, c]
            nz += pose[2, c] * body_normals[n, c]
        if z < _NEAREST_M or nx * x + ny * y + nz * z > -_FACING * math.sqrt(x * x + y * y + z * z):
            continue
        facing += 1
        column = math.floor(camera[0] * x / z + camera[2] + 0.5)
        row = math.floor(camera[1] * y / z + camera[3] + 0.5)
        if 0 <= column < width and 0 <= row < height:
            is_beside = beyond_px[row, column] > _BESIDE_PX
            if is_beside or depth_m[row, column] - z > _IN_FRONT_M:
                seen_through += 1
    return seen_through / max(facing, 1)


@compiled
def placed_over(
    body: Float32Array, body_normals: Float32Array, rotations: Float64Array, points: Float32Array
) -> Float64Array:
    """For each rotation (R, 3, 3) the pose (4, 4) that lays what a body shows over points (N, 3).

    The sides it turns to the camera fill the same box as the points, and its front lies where
    the points' does.
    """
    low, high = _box(points)
    middle = 0.5 * (low + high)
    view = middle / math.sqrt(middle[0] ** 2 + middle[1] ** 2 + middle[2] ** 2)
    poses = np.zeros((len(rotations), 4, 4))
    turned = np.empty((len(body), 3), dtype=np.float32)
    for r in range(len(rotations)):
        rotation = rotations[r]
        seen = 0
        for n in range(len(body)):
            toward = 0.0
            for a in range(3):
                toward += view[a] * (
                    rotation[a, 0] * body_normals[n, 0]
                    + rotation[a, 1] * body_normals[n, 1]
                    + rotation[a, 2] * body_normals[n, 2]
                )
            if toward < -_FACING:
                for a in range(3):
                    turned[seen, a] = (
                        rotation[a, 0] * body[n, 0]
                        + rotation[a, 1] * body[n, 1]
                        + rotation[a, 2] * body[n, 2]
                    )
                seen += 1
        shown_low, shown_high = _box(turned[:seen])
        for a in range(3):
            for b in range(3):
                poses[r, a, b] = rotation[a, b]
            poses[r, a, 3] = middle[a] - 0.5 * (shown_low[a] + shown_high[a])
        poses[r, 2, 3] = low[2] - shown_low[2]
        poses[r, 3, 3] = 1.0
    return poses


@compiled
def _box(points: Float32Array) -> tuple[Float64Array, Float64Array]:
    low, high = np.full(3, _FAR_M), np.full(3, -_FAR_M)
    for n in range(len(points)):
        for a in range(3):
            low[a] = min(low[a], points[n, a])
            high[a] = max(high[a], points[n, a])
    return low, high
