"""The loops of a registration, compiled.

A step is a turn about the pivot (3, rad) and a shift (3, m) along the axes of the camera, in this
order in every vector of six.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.object_model.grid_sampling import sample_at

Float64Array = NDArray[np.float64]
Float32Array = NDArray[np.float32]

_SIGMA_M: Final = 0.0015  # deviation of a point from the surface it was measured on
LEAST_AGREEMENT: Final = 0.3
"""Cosine between a point's normal and the surface's below which the point belongs elsewhere."""

_INDEPENDENT_POINTS: Final = 150.0
_FULL_AGREEMENT: Final = 0.7
_CLEARLY_OUTSIDE_M: Final = 0.002
_OUTSIDE_WEIGHT: Final = 0.5
_WIDEST_REACH_M: Final = 0.012
_NARROWEST_REACH_M: Final = 0.004
_REACH_SHRINKS_BY: Final = 0.6
_NORMAL_NOISE: Final = 0.1  # of a fused surface's normals, on each axis
_LEAST_SIGNAL: Final = 3.0

_OUTLINE_SIGMA_PX: Final = 2.0
_OUTLINE_REACH_PX: Final = 6.0
_LEAST_FACING: Final = 0.5
_NEAREST_M: Final = 0.05

_INDEPENDENT_COLORS: Final = 60.0
_LEAST_COLORS: Final = 30
_TEXTURE_SIGMA: Final = 12.0  # grey levels
_TEXTURE_NOISE: Final = 3.0
_TEXTURE_REACH: Final = 3.0

_DAMPING: Final = 1e-4
_SMALLEST: Final = 1e-6
_SETTLED_M: Final = 2e-5


@compiled
def align(
    values: Float32Array,
    texture: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    points: Float32Array,
    normals: Float32Array,
    greys: Float32Array,
    body: Float32Array,
    body_normals: Float32Array,
    beyond_px: Float32Array,
    camera: Float64Array,
    start: Float64Array,
    prior: Float64Array,
    iterations: int,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Pose (4, 4), information of the points alone (6, 6) and pivot (3,).

    values, texture (nx, ny, nz) float32, the texture empty where there is none; points, normals
    (N, 3) and greys (N,) float32 in the camera's frame; body (M, 3) float32 points of the surface
    in the body's frame; beyond_px (h, w) float32 distance beside the object in the image; camera
    (4,) fx, fy, cx, cy; start (4, 4) and prior (6,) float64, the inverse variances of the whole
    motion since the start. C-contiguous.
    """
    pivot = _middle(points)
    turn, moved = np.eye(3), np.zeros(6)
    pose = start.copy()
    information: Float64Array = np.zeros((6, 6))
    reach = _WIDEST_REACH_M
    for _ in range(iterations):
        at = pivot + moved[3:]
        information, gradient = _surface_terms(
            values, origin_m, voxel_m, points, normals, pose, at, reach
        )
        more, slope = _outline_terms(body, body_normals, beyond_px, camera, pose, at)
        information += more
        gradient += slope
        if texture.size > 0:
            more, slope = _texture_terms(
                texture, values, origin_m, voxel_m, points, greys, pose, at
            )
            information += more
            gradient += slope
        step = _solved(information, gradient, prior, moved)
        turn = _turn(step) @ turn
        moved[:3] = _axis_angle(turn)
        moved[3:] += step[3:]
        _place(start, turn, pivot, moved[3:], pose)
        reach = max(_NARROWEST_REACH_M, _REACH_SHRINKS_BY * reach)
        if _reach_of(step) < _SETTLED_M and reach == _NARROWEST_REACH_M:
            break
    return pose, information, pivot


@compiled
def distances_at(
    values: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    points: Float32Array,
    normals: Float32Array,
    pose: Float64Array,
) -> tuple[Float32Array, Float32Array]:
    """Of (N, 3) points of the camera's frame the distances (N,) to a body at a pose (4, 4), and
    the cosines (N,) between their normals and the body's; NaN where the body is not known."""
    count = len(points)
    distances = np.empty(count, dtype=np.float32)
    agreements = np.empty(count, dtype=np.float32)
    for n in range(count):
        x, y, z = points[n, 0] - pose[0, 3], points[n, 1] - pose[1, 3], points[n, 2] - pose[2, 3]
        d, gx, gy, gz = sample_at(
            values,
            origin_m,
            voxel_m,
            pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z,
            pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z,
            pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z,
        )
        mx = pose[0, 0] * gx + pose[0, 1] * gy + pose[0, 2] * gz
        my = pose[1, 0] * gx + pose[1, 1] * gy + pose[1, 2] * gz
        mz = pose[2, 0] * gx + pose[2, 1] * gy + pose[2, 2] * gz
        length = math.sqrt(mx * mx + my * my + mz * mz) + 1e-9
        distances[n] = d
        agreements[n] = (mx * normals[n, 0] + my * normals[n, 1] + mz * normals[n, 2]) / length
    return distances, agreements


@compiled
def _surface_terms(
    values: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    points: Float32Array,
    normals: Float32Array,
    pose: Float64Array,
    pivot: Float64Array,
    reach: float,
) -> tuple[Float64Array, Float64Array]:
    """Information (6, 6) and gradient (6,) of the distances: each point to the plane nearest to it.

    The number of points says nothing of itself, because neighbouring points agree. Where normals
    disagree a point belongs to another side of the body, unless it lies where the body is known
    not to be: beyond the end of a face.
    """
    strength = min(_INDEPENDENT_POINTS / max(len(points), 1), 1.0) / _SIGMA_M**2
    information, gradient, noise = np.zeros((6, 6)), np.zeros(6), np.zeros((6, 6))
    row = np.empty(6)
    for n in range(len(points)):
        x, y, z = points[n, 0] - pose[0, 3], points[n, 1] - pose[1, 3], points[n, 2] - pose[2, 3]
        d, gx, gy, gz = sample_at(
            values,
            origin_m,
            voxel_m,
            pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z,
            pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z,
            pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z,
        )
        if math.isnan(d):
            continue
        mx = pose[0, 0] * gx + pose[0, 1] * gy + pose[0, 2] * gz
        my = pose[1, 0] * gx + pose[1, 1] * gy + pose[1, 2] * gz
        mz = pose[2, 0] * gx + pose[2, 1] * gy + pose[2, 2] * gz
        length = math.sqrt(mx * mx + my * my + mz * mz) + 1e-9
        cosine = (mx * normals[n, 0] + my * normals[n, 1] + mz * normals[n, 2]) / length
        agreement = (cosine - LEAST_AGREEMENT) / (_FULL_AGREEMENT - LEAST_AGREEMENT)
        if not agreement > 0.0:
            if not d > _CLEARLY_OUTSIDE_M:
                continue
            agreement = _OUTSIDE_WEIGHT
        far = d / reach
        robust = 1.0 / (1.0 + far * far)
        weight = strength * min(agreement, 1.0) * robust * robust
        rx, ry, rz = points[n, 0] - pivot[0], points[n, 1] - pivot[1], points[n, 2] - pivot[2]
        _set_row(rx, ry, rz, mx, my, mz, row)
        _add_row(row, d, weight, information, gradient)
        _add_noise(rx, ry, rz, weight * _NORMAL_NOISE * _NORMAL_NOISE, noise)
    _discount(information, gradient, noise)
    return information, gradient


@compiled
def _outline_terms(
    body: Float32Array,
    body_normals: Float32Array,
    beyond_px: Float32Array,
    camera: Float64Array,
    pose: Float64Array,
    pivot: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """The same of the body's own points that lie beside the object in the image.

    They are drawn back into the outline; of an object that turns one face to the camera nothing
    else tells where the face ends.
    """
    information, gradient = np.zeros((6, 6)), np.zeros(6)
    strength = min(_INDEPENDENT_POINTS / max(len(body), 1), 1.0) / _OUTLINE_SIGMA_PX**2
    row = np.empty(6)
    for n in range(len(body)):
        bx, by, bz = body[n, 0], body[n, 1], body[n, 2]
        x = pose[0, 0] * bx + pose[0, 1] * by + pose[0, 2] * bz + pose[0, 3]
        y = pose[1, 0] * bx + pose[1, 1] * by + pose[1, 2] * bz + pose[1, 3]
        z = pose[2, 0] * bx + pose[2, 1] * by + pose[2, 2] * bz + pose[2, 3]
        nx = (
            pose[0, 0] * body_normals[n, 0]
            + pose[0, 1] * body_normals[n, 1]
            + pose[0, 2] * body_normals[n, 2]
        )
        ny = (
            pose[1, 0] * body_normals[n, 0]
            + pose[1, 1] * body_normals[n, 1]
            + pose[1, 2] * body_normals[n, 2]
        )
        nz = (
            pose[2, 0] * body_normals[n, 0]
            + pose[2, 1] * body_normals[n, 1]
            + pose[2, 2] * body_normals[n, 2]
        )
        if nx * x + ny * y + nz * z > -_LEAST_FACING * math.sqrt(x * x + y * y + z * z):
            continue
        beyond, slope_u, slope_v = _outside_px(x, y, z, beyond_px, camera)
        if not beyond > 0.0:
            continue
        far = beyond / _OUTLINE_REACH_PX
        robust = 1.0 / (1.0 + far * far)
        mx, my = -slope_u * camera[0] / z, -slope_v * camera[1] / z
        mz = -(mx * x + my * y) / z
        rx, ry, rz = x - pivot[0], y - pivot[1], z - pivot[2]
        _set_row(rx, ry, rz, mx, my, mz, row)
        _add_row(row, beyond, strength * robust * robust, information, gradient)
    return information, gradient


@compiled
def _outside_px(
    x: float, y: float, z: float, beyond_px: Float32Array, camera: Float64Array
) -> tuple[float, float, float]:
    """How far beside the object a point falls in the image, and the way farther (2,); 0 where it
    falls on it or outside the image."""
    height, width = beyond_px.shape
    if z < _NEAREST_M:
        return 0.0, 0.0, 0.0
    column = math.floor(camera[0] * x / z + camera[2] + 0.5)
    row = math.floor(camera[1] * y / z + camera[3] + 0.5)
    if not (0 < column < width - 1 and 0 < row < height - 1):
        return 0.0, 0.0, 0.0
    slope_u = 0.5 * (beyond_px[row, column + 1] - beyond_px[row, column - 1])
    slope_v = 0.5 * (beyond_px[row + 1, column] - beyond_px[row - 1, column])
    return beyond_px[row, column], slope_u, slope_v


@compiled
def _texture_terms(
    texture: Float32Array,
    values: Float32Array,
    origin_m: Float64Array,
    voxel_m: float,
    points: Float32Array,
    greys: Float32Array,
    pose: Float64Array,
    pivot: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """The same of the grey levels (N,) of the points, up to a common offset (the light)."""
    count = len(points)
    rows = np.empty((count, 6))
    differences = np.full(count, np.nan)
    offset, known = 0.0, 0
    for n in range(count):
        x, y, z = points[n, 0] - pose[0, 3], points[n, 1] - pose[1, 3], points[n, 2] - pose[2, 3]
        qx = pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z
        qy = pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z
        qz = pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z
        d = sample_at(values, origin_m, voxel_m, qx, qy, qz)[0]
        grey, gx, gy, gz = sample_at(texture, origin_m, voxel_m, qx, qy, qz)
        if math.isnan(grey) or not abs(d) < _NARROWEST_REACH_M:
            continue
        mx = pose[0, 0] * gx + pose[0, 1] * gy + pose[0, 2] * gz
        my = pose[1, 0] * gx + pose[1, 1] * gy + pose[1, 2] * gz
        mz = pose[2, 0] * gx + pose[2, 1] * gy + pose[2, 2] * gz
        rx, ry, rz = points[n, 0] - pivot[0], points[n, 1] - pivot[1], points[n, 2] - pivot[2]
        _set_row(rx, ry, rz, mx, my, mz, rows[n])
        differences[n] = grey - greys[n]
        offset += differences[n]
        known += 1
    information, gradient, noise = np.zeros((6, 6)), np.zeros(6), np.zeros((6, 6))
    if known < _LEAST_COLORS:
        return information, gradient
    strength = min(_INDEPENDENT_COLORS / known, 1.0) / _TEXTURE_SIGMA**2
    spurious = strength * (_TEXTURE_NOISE / voxel_m) ** 2
    for n in range(count):
        if not math.isnan(differences[n]):
            difference = differences[n] - offset / known
            far = difference / (_TEXTURE_REACH * _TEXTURE_SIGMA)
            robust = 1.0 / (1.0 + far * far)
            _add_row(rows[n], difference, strength * robust * robust, information, gradient)
            rx, ry, rz = points[n, 0] - pivot[0], points[n, 1] - pivot[1], points[n, 2] - pivot[2]
            _add_noise(rx, ry, rz, spurious * robust * robust, noise)
    _discount(information, gradient, noise)
    return information, gradient


@compiled
def _set_row(
    rx: float, ry: float, rz: float, mx: float, my: float, mz: float, row: Float64Array
) -> None:
    """How a value with the gradient m, r from the pivot, changes when the body turns and shifts."""
    row[0], row[1], row[2] = my * rz - mz * ry, mz * rx - mx * rz, mx * ry - my * rx
    row[3], row[4], row[5] = -mx, -my, -mz


@compiled
def _add_noise(rx: float, ry: float, rz: float, variance: float, noise: Float64Array) -> None:
    """Add the information that a gradient of nothing but noise would seem to give."""
    squared = rx * rx + ry * ry + rz * rz
    noise[0, 0] += variance * (squared - rx * rx)
    noise[1, 1] += variance * (squared - ry * ry)
    noise[2, 2] += variance * (squared - rz * rz)
    noise[1, 0] -= variance * rx * ry
    noise[2, 0] -= variance * rx * rz
    noise[2, 1] -= variance * ry * rz
    for axis in range(3):
        noise[3 + axis, 3 + axis] += variance
    noise[3, 1] += variance * rz
    noise[3, 2] -= variance * ry
    noise[4, 0] -= variance * rz
    noise[4, 2] += variance * rx
    noise[5, 0] += variance * ry
    noise[5, 1] -= variance * rx


@compiled
def _discount(information: Float64Array, gradient: Float64Array, noise: Float64Array) -> None:
    """Take out of information and gradient what is no more than noise.

    In the directions e of the generalised problem ``information e = m noise e`` both shrink by
    ``(1 - least / m)``, and to nothing where m is below the least. Without it the noise fused
    into a ball would hold the ball's turn.
    """
    lower = noise.copy()
    _factorize(lower)
    whitened = information.copy()
    for b in range(6):
        _forward(lower, whitened[:, b])
    for a in range(6):
        _forward(lower, whitened[a])
    directions = np.eye(6)
    _diagonalize(whitened, directions)
    ahead = gradient.copy()
    _forward(lower, ahead)
    information[:] = 0.0
    gradient[:] = 0.0
    row = np.empty(6)
    for e in range(6):
        ratio = whitened[e, e]
        kept = 1.0 - _LEAST_SIGNAL / max(ratio, _LEAST_SIGNAL)
        along = 0.0
        for a in range(6):
            along += directions[a, e] * ahead[a]
        for a in range(6):
            row[a] = 0.0
            for b in range(a + 1):
                row[a] += lower[a, b] * directions[b, e]
        for a in range(6):
            gradient[a] += kept * along * row[a]
            for b in range(6):
                information[a, b] += kept * ratio * row[a] * row[b]


@compiled
def _factorize(matrix: Float64Array) -> None:
    """Cholesky's factor of a symmetric (6, 6), of which the lower half is read and replaced."""
    for a in range(6):
        for b in range(a + 1):
            rest = matrix[a, b]
            for c in range(b):
                rest -= matrix[a, c] * matrix[b, c]
            if a == b:
                matrix[a, b] = math.sqrt(max(rest, _SMALLEST))
            else:
                matrix[a, b] = rest / matrix[b, b]


@compiled
def _forward(lower: Float64Array, vector: Float64Array) -> None:
    for a in range(6):
        for c in range(a):
            vector[a] -= lower[a, c] * vector[c]
        vector[a] /= lower[a, a]


@compiled
def _backward(lower: Float64Array, vector: Float64Array) -> None:
    for a in range(5, -1, -1):
        for c in range(a + 1, 6):
            vector[a] -= lower[c, a] * vector[c]
        vector[a] /= lower[a, a]


@compiled
def _diagonalize(matrix: Float64Array, directions: Float64Array) -> None:
    """Turn a symmetric (6, 6) into its eigenvalues and the identity into its eigenvectors.

    Jacobi's rotations, six rounds of which leave nothing beside the diagonal.
    """
    for _ in range(6):
        for a in range(5):
            for b in range(a + 1, 6):
                if abs(matrix[a, b]) <= 1e-12 * (abs(matrix[a, a]) + abs(matrix[b, b])):
                    continue
                slope = 0.5 * (matrix[b, b] - matrix[a, a]) / matrix[a, b]
                tangent = 1.0 / (abs(slope) + math.sqrt(slope * slope + 1.0))
                if slope < 0.0:
                    tangent = -tangent
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                for c in range(6):
                    first, second = matrix[c, a], matrix[c, b]
                    matrix[c, a] = cosine * first - sine * second
                    matrix[c, b] = sine * first + cosine * second
                for c in range(6):
                    first, second = matrix[a, c], matrix[b, c]
                    matrix[a, c] = cosine * first - sine * second
                    matrix[b, c] = sine * first + cosine * second
                for c in range(6):
                    first, second = directions[c, a], directions[c, b]
                    directions[c, a] = cosine * first - sine * second
                    directions[c, b] = sine * first + cosine * second


@compiled
def _add_row(
    row: Float64Array,
    residual: float,
    weight: float,
    information: Float64Array,
    gradient: Float64Array,
) -> None:
    for a in range(6):
        weighted = weight * row[a]
        gradient[a] += weighted * residual
        for b in range(6):
            information[a, b] += weighted * row[b]


@compiled
def _solved(
    information: Float64Array, gradient: Float64Array, prior: Float64Array, moved: Float64Array
) -> Float64Array:
    """The step (6,) that information and prior ask for, by Cholesky's factors."""
    lower = information.copy()
    step = np.empty(6)
    for a in range(6):
        lower[a, a] += prior[a] + _DAMPING * information[a, a] + _SMALLEST
        step[a] = -gradient[a] - prior[a] * moved[a]
    _factorize(lower)
    _forward(lower, step)
    _backward(lower, step)
    return step


@compiled
def _middle(points: Float32Array) -> Float64Array:
    middle = np.zeros(3)
    for n in range(len(points)):
        for axis in range(3):
            middle[axis] += points[n, axis]
    return middle / max(len(points), 1)


@compiled
def _turn(step: Float64Array) -> Float64Array:
    """(3, 3) rotation by the first three of a step (Rodrigues' formula)."""
    x, y, z = step[0], step[1], step[2]
    squared = x * x + y * y + z * z
    angle = math.sqrt(squared)
    first = math.sin(angle) / angle if angle > 1e-8 else 1.0
    second = (1.0 - math.cos(angle)) / squared if angle > 1e-8 else 0.5
    turn = np.empty((3, 3))
    turn[0, 0], turn[1, 1] = 1.0 - second * (y * y + z * z), 1.0 - second * (x * x + z * z)
    turn[2, 2] = 1.0 - second * (x * x + y * y)
    turn[0, 1], turn[1, 0] = second * x * y - first * z, second * x * y + first * z
    turn[0, 2], turn[2, 0] = second * x * z + first * y, second * x * z - first * y
    turn[1, 2], turn[2, 1] = second * y * z - first * x, second * y * z + first * x
    return turn


@compiled
def _axis_angle(turn: Float64Array) -> Float64Array:
    """(3,) axis times angle of a rotation well below half a turn."""
    vector = np.empty(3)
    vector[0] = 0.5 * (turn[2, 1] - turn[1, 2])
    vector[1] = 0.5 * (turn[0, 2] - turn[2, 0])
    vector[2] = 0.5 * (turn[1, 0] - turn[0, 1])
    sine = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    cosine = 0.5 * (turn[0, 0] + turn[1, 1] + turn[2, 2] - 1.0)
    if sine < 1e-8:
        return vector
    return vector * (math.atan2(sine, cosine) / sine)


@compiled
def _place(
    start: Float64Array,
    turn: Float64Array,
    pivot: Float64Array,
    shift: Float64Array,
    pose: Float64Array,
) -> None:
    """Set the pose to the start, turned about the pivot and then shifted."""
    for a in range(3):
        place = pivot[a] + shift[a]
        for c in range(3):
            place += turn[a, c] * (start[c, 3] - pivot[c])
            pose[a, c] = 0.0
            for b in range(3):
                pose[a, c] += turn[a, b] * start[b, c]
        pose[a, 3] = place


@compiled
def _reach_of(step: Float64Array) -> float:
    """How far a step moves points ten centimetres from the pivot."""
    turn = math.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
    return 0.1 * turn + math.sqrt(step[3] ** 2 + step[4] ** 2 + step[5] ** 2)
