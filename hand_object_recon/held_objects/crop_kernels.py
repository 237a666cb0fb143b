"""Thinning of a depth image, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_SAME_SURFACE_M = 0.006
_FLYING_M = 0.010
_STEEPEST = 8.0  # depth by width of a pixel
_LEAST_NEIGHBORS = 3


@compiled
def reduced_depth(
    depth_m: NDArray[np.float32], stride: int, pixel_rad: float, farthest_m: float
) -> NDArray[np.float32]:
    """(h, w) depth of blocks of ``stride`` pixels a side, without pixels between two surfaces.

    What is beyond ``farthest_m`` is not looked at closely. pixel_rad: width of a block at a
    distance of one metre.
    """
    reduced = block_depth(depth_m, stride, farthest_m)
    return without_flying_pixels(reduced, _STEEPEST * pixel_rad, farthest_m)


@compiled
def block_depth(
    depth_m: NDArray[np.float32], stride: int, farthest_m: float
) -> NDArray[np.float32]:
    """Mean depth of the nearest surface in each block; NaN where half of its readings lack.

    A block none of whose opposite corners is measured within ``farthest_m`` gets the first's depth.
    """
    if stride == 1:
        return depth_m.copy()
    height, width = depth_m.shape[0] // stride, depth_m.shape[1] // stride
    reduced = np.empty((height, width), dtype=np.float32)
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            first, last = depth_m[top, left], depth_m[top + stride - 1, left + stride - 1]
            is_near = first <= farthest_m or last <= farthest_m
            if not is_near:  # or not measured
                reduced[row, column] = first
            else:
                reduced[row, column] = nearest_surface(depth_m, top, left, stride)
    return reduced


@compiled
def nearest_surface(depth_m: NDArray[np.float32], top: int, left: int, stride: int) -> float:
    anchor, total, near, count = np.inf, 0.0, 0, 0
    for y in range(top, top + stride):
        for x in range(left, left + stride):
            value = depth_m[y, x]
            if not value < np.inf:  # not a number
                continue
            count += 1
            if value < anchor - _SAME_SURFACE_M:
                anchor, total, near = value, value, 1
            elif value < anchor + _SAME_SURFACE_M:
                total += value
                near += 1
    return total / near if 2 * count >= stride * stride else np.nan


@compiled
def without_flying_pixels(
    depth_m: NDArray[np.float32], steepness: float, farthest_m: float
) -> NDArray[np.float32]:
    """NaN where fewer than three of eight neighbours are about as far; the rim stays."""
    height, width = depth_m.shape
    kept = depth_m.copy()
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            depth = depth_m[row, column]
            if not depth < farthest_m:  # or not a number
                continue
            most = max(_FLYING_M, steepness * depth)
            near = 0
            for y in range(row - 1, row + 2):
                for x in range(column - 1, column + 2):
                    if abs(depth_m[y, x] - depth) < most:
                        near += 1
                if near > _LEAST_NEIGHBORS:  # the pixel itself is one of them
                    break
            if near <= _LEAST_NEIGHBORS:
                kept[row, column] = np.nan
    return kept
