"""What each pixel of a scene shows, compiled: hands, arms, background, or the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.held_objects.hand_nearness_kernels import (
    depth_range,
    gap_to,
    nearest_at,
)
from hand_object_recon.held_objects.pixel_kinds import PixelKind

BACKGROUND = int(PixelKind.BACKGROUND)
HAND = int(PixelKind.HAND)
ARM = int(PixelKind.ARM)
REST = int(PixelKind.REST)

_SKIN_M = 0.007  # a surface this near to a fitted hand is taken for its skin, color apart
_SKIN_M_BY_COLOR = 0.0045
_LEAST_SKIN_M = -0.006
_MOST_SKIN_M = 0.014
_DEEPEST_M = -0.03
_WRIST_M = 0.012
_ARM_M = 0.35


@compiled
def measure_gaps(
    depth_m: NDArray[np.float32],
    intrinsics: NDArray[np.float64],
    vertices_m: NDArray[np.float32],
    normals: NDArray[np.float32],
    nearest: NDArray[np.int32],
    origin_m: NDArray[np.float64],
    number: int,
    gaps_m: NDArray[np.float32],
    owner: NDArray[np.int8],
) -> None:
    """Write the distance of each pixel's point to hand ``number`` where it is the nearest so far.

    gaps_m (h, w) signed, infinite at first; owner (h, w) number of that hand, -1 at first.
    """
    height, width = depth_m.shape
    nearest_m, farthest_m = depth_range(nearest, origin_m)
    for row in range(height):
        for column in range(width):
            z = depth_m[row, column]
            if not nearest_m < z < farthest_m:  # or not a number
                continue
            x = (column - intrinsics[2]) / intrinsics[0] * z
            y = (row - intrinsics[3]) / intrinsics[1] * z
            vertex = nearest_at(nearest, origin_m, x, y, z)
            if vertex >= 0:
                gap = gap_to(vertices_m[vertex], normals[vertex], x, y, z)
                if gap < gaps_m[row, column]:
                    gaps_m[row, column] = gap
                    owner[row, column] = number


@compiled
def classify(
    depth_m: NDArray[np.float32],
    intrinsics: NDArray[np.float64],
    gaps_m: NDArray[np.float32],
    object_likeness: NDArray[np.float32],
    planes: NDArray[np.float64],
    plane_reach_m: float,
    centers_m: NDArray[np.float64],
    wrists: NDArray[np.float64],
    reach_m: float,
) -> NDArray[np.uint8]:
    """``PixelKind`` (h, w) of each pixel; all that lies beyond a wrist is an arm.

    object_likeness (h, w): above 0 where color speaks for an object, below for skin.
    planes (P, 4): unit normal towards the camera and offset of backgrounds; what is less high
    above one than ``plane_reach_m`` is of it. Farther than ``reach_m`` from all centers_m (C, 3) is
    background, too. wrists (H, 6): wrist and unit direction of the forearm.
    """
    height, width = depth_m.shape
    kinds = np.zeros((height, width), dtype=np.uint8)
    for row in range(height):
        for column in range(width):
            z = depth_m[row, column]
            if np.isnan(z):
                continue
            x = (column - intrinsics[2]) / intrinsics[0] * z
            y = (row - intrinsics[3]) / intrinsics[1] * z
            if is_skin(gaps_m[row, column], object_likeness[row, column]):
                kinds[row, column] = HAND
            elif is_near_plane(planes, plane_reach_m, x, y, z) or is_beyond(
                centers_m, reach_m, x, y, z
            ):
                kinds[row, column] = BACKGROUND
            elif is_beyond_wrist(wrists, x, y, z):
                kinds[row, column] = ARM
            else:
                kinds[row, column] = REST
    return kinds


@compiled
def is_skin(gap_m: float, object_likeness: float) -> bool:
    """Color moves the border between hand and object by as much as fits are off."""
    border = _SKIN_M - _SKIN_M_BY_COLOR * object_likeness
    return _DEEPEST_M < gap_m < min(max(border, _LEAST_SKIN_M), _MOST_SKIN_M)


@compiled
def is_near_plane(
    planes: NDArray[np.float64], reach_m: float, x: float, y: float, z: float
) -> bool:
    for n in range(len(planes)):
        height = planes[n, 0] * x + planes[n, 1] * y + planes[n, 2] * z + planes[n, 3]
        if height < reach_m:
            return True
    return False


@compiled
def is_beyond(centers_m: NDArray[np.float64], reach_m: float, x: float, y: float, z: float) -> bool:
    for n in range(len(centers_m)):
        dx, dy, dz = x - centers_m[n, 0], y - centers_m[n, 1], z - centers_m[n, 2]
        if dx * dx + dy * dy + dz * dz < reach_m * reach_m:
            return False
    return True


@compiled
def is_beyond_wrist(wrists: NDArray[np.float64], x: float, y: float, z: float) -> bool:
    for n in range(len(wrists)):
        dx, dy, dz = x - wrists[n, 0], y - wrists[n, 1], z - wrists[n, 2]
        along = dx * wrists[n, 3] + dy * wrists[n, 4] + dz * wrists[n, 5]
        if along > _WRIST_M and dx * dx + dy * dy + dz * dz < _ARM_M * _ARM_M:
            return True
    return False
