"""Planes and points of the surface that labelled depth shows, compiled.

A plane's inverse depth is linear in the pixel's coordinates, so planes are fitted to inverse
depths: ``a * x + b * y + c = 1 / z`` with (x, y, 1) the pixel's ray, and so
``a * X + b * Y + c * Z = 1`` for points of the plane. (a, b, c) is along its normal, away from the
camera.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

OBJECT = 1  # ViewLabel.OBJECT; an enum is not compiled

_REACH_M = 0.004  # from a pixel to the outer ones its plane is fitted to
_MOST_STEP_PX = 8
_LEAST_READINGS = 6  # of nine
_JUMP_M = 0.014  # in depth within the reach; more is another surface
_MOST_DEPARTURE = 0.02  # of a pixel's inverse depth (1/m) from its plane: 5 mm at 0.5 m
_LEAST_COSINE = 0.2


@compiled
def inverse_depths(depth_m: NDArray[np.float32], label: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w) inverse depth (1/m) of ``OBJECT`` pixels, 0 of others and where there is none."""
    inverse = np.zeros(depth_m.shape, dtype=np.float32)
    for row in range(depth_m.shape[0]):
        for column in range(depth_m.shape[1]):
            if label[row, column] == OBJECT and depth_m[row, column] > 0.0:
                inverse[row, column] = np.float32(1.0) / depth_m[row, column]
    return inverse


@compiled
def oriented_points(
    depth_m: NDArray[np.float32],
    label: NDArray[np.uint8],
    intrinsics: NDArray[np.float64],
    stride: int,
    most_points: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Points (N, 3), normals towards the camera (N, 3) and pixels (N, 2) row and column.

    One for every ``stride``-th pixel of ``OBJECT``, odd rows set off by half of that.
    """
    inverse = inverse_depths(depth_m, label)
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    points = np.empty((most_points, 3), dtype=np.float32)
    normals = np.empty((most_points, 3), dtype=np.float32)
    pixels = np.empty((most_points, 2), dtype=np.int32)
    count = 0
    for row in range(0, depth_m.shape[0], stride):
        shift = (row // stride % 2) * (stride // 2)
        for column in range(shift, depth_m.shape[1], stride):
            if count == most_points or inverse[row, column] == 0.0:
                continue
            a, b, c = plane_at(inverse, fx, fy, cx, cy, row, column)
            if c == 0.0:
                continue
            x, y = (column - cx) / fx, (row - cy) / fy
            depth = 1.0 / (a * x + b * y + c)
            points[count, 0], points[count, 1], points[count, 2] = depth * x, depth * y, depth
            scale = -1.0 / math.sqrt(a * a + b * b + c * c)
            normals[count, 0], normals[count, 1], normals[count, 2] = (
                a * scale,
                b * scale,
                c * scale,
            )
            pixels[count, 0], pixels[count, 1] = row, column
            count += 1
    return points[:count].copy(), normals[:count].copy(), pixels[:count].copy()


@compiled
def plane_at(
    inverse: NDArray[np.float32],
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    row: int,
    column: int,
) -> tuple[float, float, float]:
    """Plane (a, b, c) of the surface around a pixel of inverse depths (h, w).

    All zero near the image's border, and where readings lack, the surface is torn or it is seen
    at a grazing angle.
    """
    here = inverse[row, column]
    step = min(max(int(_REACH_M * fx * here + 0.5), 1), _MOST_STEP_PX)
    height, width = inverse.shape
    if row < step or column < step or row >= height - step or column >= width - step:
        return 0.0, 0.0, 0.0
    slope_x, slope_y, departure, count = _slopes(inverse, row, column, step)
    if count < _LEAST_READINGS or departure > _MOST_DEPARTURE:
        return 0.0, 0.0, 0.0
    smooth = _smoothed(inverse, row, column, slope_x, slope_y)
    a, b = slope_x * fx, slope_y * fy
    x, y = (column - cx) / fx, (row - cy) / fy
    c = smooth - a * x - b * y
    cosine = smooth / math.sqrt((a * a + b * b + c * c) * (x * x + y * y + 1.0))
    if cosine < _LEAST_COSINE:
        return 0.0, 0.0, 0.0
    return a, b, c


@compiled
def nearest_around(inverse: NDArray[np.float32], row: int, column: int) -> float:
    """Least depth of the ``OBJECT`` pixels up to two away: before it there is none of them, even
    where a pixel mixes two depths."""
    greatest = inverse[row, column]
    for down in range(max(row - 2, 0), min(row + 3, inverse.shape[0])):
        for right in range(max(column - 2, 0), min(column + 3, inverse.shape[1])):
            greatest = max(greatest, inverse[down, right])
    return float(1.0 / greatest)


@compiled
def _slopes(
    inverse: NDArray[np.float32], row: int, column: int, step: int
) -> tuple[float, float, float, int]:
    """Change of inverse depth per pixel along columns and rows, the pixel's departure from their
    plane, and the number of readings on the same surface, of nine ``step`` pixels apart."""
    here = inverse[row, column]
    jump = _JUMP_M * here * here
    n, sx, sy, s = 0, 0.0, 0.0, 0.0
    sxx, sxy, syy, sxs, sys = 0.0, 0.0, 0.0, 0.0, 0.0
    for down in range(-1, 2):
        for right in range(-1, 2):
            value = float(inverse[row + down * step, column + right * step] - here)
            if abs(value) >= jump:
                continue
            n += 1
            sx, sy, s = sx + right, sy + down, s + value
            sxx, sxy, syy = sxx + right * right, sxy + right * down, syy + down * down
            sxs, sys = sxs + right * value, sys + down * value
    cxx, cxy, cyy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
    determinant = cxx * cyy - cxy * cxy
    if n < _LEAST_READINGS or determinant < 1.0:
        return 0.0, 0.0, 0.0, 0
    cxs, cys = sxs - sx * s / n, sys - sy * s / n
    slope_x = (cxs * cyy - cys * cxy) / determinant
    slope_y = (cys * cxx - cxs * cxy) / determinant
    departure = abs(s - slope_x * sx - slope_y * sy) / n
    return slope_x / step, slope_y / step, departure, n


@compiled
def _smoothed(
    inverse: NDArray[np.float32], row: int, column: int, slope_x: float, slope_y: float
) -> float:
    """Inverse depth of a pixel, averaged over it and the eight around it along the slopes."""
    here = inverse[row, column]
    jump = _JUMP_M * here * here
    total, count = 0.0, 0
    for down in range(-1, 2):
        for right in range(-1, 2):
            value = inverse[row + down, column + right]
            if abs(value - here) < jump:
                total += value - slope_x * right - slope_y * down
                count += 1
    return total / count
