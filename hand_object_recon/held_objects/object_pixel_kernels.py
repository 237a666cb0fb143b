"""Which pixels show an object that has a model, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.held_objects.pixel_kinds import PixelKind
from hand_object_recon.object_model.grid_sampling import sample_at

OFF, DOUBTFUL, ON, NEW = 0, 1, 2, 3

HAND, REST = int(PixelKind.HAND), int(PixelKind.REST)

_SURFACE_M = 0.004  # how far off the surface a pixel of the object is, about
_SKIN_M = 0.005  # how far off the skin of a fitted hand a pixel of the hand is, about
_FARTHEST_M = 0.009
_DOUBT = 0.5
_SURE_M = 0.003  # what a hand's fit covers is the object's where it is so near its surface
_SURE_LIKENESS = 0.7
_LEAST_NEW_LIKENESS = -1.0
_LEAST_NEW_GAP_M = 0.009


@compiled
def compare_with_model(
    depth_m: NDArray[np.float32],
    kinds: NDArray[np.uint8],
    gaps_m: NDArray[np.float32],
    likeness: NDArray[np.float32],
    intrinsics: NDArray[np.float64],
    grid_values: NDArray[np.float32],
    grid_origin_m: NDArray[np.float64],
    voxel_m: float,
    object_from_camera: NDArray[np.float64],
    rectangle: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """What each pixel (h, w) is to an object at a pose (4, 4): ``ON`` its known surface,
    ``OFF``, in ``DOUBT``, or ``NEW`` where its model knows nothing and no hand is.

    rectangle (4,): top, bottom, left and right of the pixels that are looked at.
    """
    height, width = depth_m.shape
    found = np.zeros((height, width), dtype=np.uint8)
    to = object_from_camera
    for row in range(rectangle[0], rectangle[1]):
        for column in range(rectangle[2], rectangle[3]):
            kind, z = kinds[row, column], depth_m[row, column]
            if kind not in (REST, HAND):
                continue
            x = (column - intrinsics[2]) / intrinsics[0] * z
            y = (row - intrinsics[3]) / intrinsics[1] * z
            distance = sample_at(
                grid_values,
                grid_origin_m,
                voxel_m,
                to[0, 0] * x + to[0, 1] * y + to[0, 2] * z + to[0, 3],
                to[1, 0] * x + to[1, 1] * y + to[1, 2] * z + to[1, 3],
                to[2, 0] * x + to[2, 1] * y + to[2, 2] * z + to[2, 3],
            )[0]
            gap, color = gaps_m[row, column], likeness[row, column]
            if np.isnan(distance):
                is_new = kind == REST and gap > _LEAST_NEW_GAP_M and color > _LEAST_NEW_LIKENESS
                found[row, column] = NEW if is_new else OFF
            elif kind == REST or is_sure(abs(distance), gap, color):
                found[row, column] = choice(abs(distance), gap, color)
    return found


@compiled
def is_sure(distance_m: float, gap_m: float, likeness: float) -> bool:
    """Whether a pixel that a fitted hand covers may be the object's."""
    return distance_m < _SURE_M and (gap_m > _SURE_M or likeness > _SURE_LIKENESS)


@compiled
def choice(distance_m: float, gap_m: float, likeness: float) -> int:
    """Object or hand, by how far off either surface a pixel is, and by its color."""
    if distance_m > _FARTHEST_M:
        return OFF
    for_object = (distance_m / _SURFACE_M) ** 2
    for_hand = (max(gap_m, 0.0) / _SKIN_M) ** 2 + likeness
    return ON if for_object + _DOUBT < for_hand else DOUBTFUL


@compiled
def part_counts(
    found: NDArray[np.uint8], parts: NDArray[np.int32], count: int
) -> NDArray[np.int64]:
    """(count, 4) pixels of each part by what was found of them."""
    counts = np.zeros((count, 4), dtype=np.int64)
    height, width = found.shape
    for row in range(height):
        for column in range(width):
            if parts[row, column] >= 0:
                counts[parts[row, column], found[row, column]] += 1
    return counts
