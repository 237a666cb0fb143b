"""Something in a hand of which nothing is known yet."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.held_objects.hand_surface import HandSurface
from hand_object_recon.held_objects.part_columns import PartColumn
from hand_object_recon.held_objects.scene_labels import is_surely_off_skin
from hand_object_recon.held_objects.scene_parts import SceneParts

_LEAST_IN_GRASP_M2: Final = 3e-5
_LEAST_CLEAR_M2: Final = 1.5e-4  # more than an empty hand's fit leaves unexplained
_LEAST_CLEAR_OF_SKIN_M2: Final = 6e-4
_LEAST_COLORED_M2: Final = 2e-4
_SKIN_LIKENESS: Final = -1.5
_OBJECT_LIKENESS: Final = 1.0
_MOST_FASTENED: Final = 0.3  # of the border: a part of something larger


def held_part(
    parts: SceneParts, hand: HandSurface, taken: NDArray[np.bool_], max_size_m: float
) -> NDArray[np.bool_] | None:
    """Pixels (h, w) of what a hand may hold, without those that may be skin; None for nothing.

    taken (P,): parts that belong to known objects.
    """
    if parts.count == 0:
        return None
    may_be = _may_be_held(parts, hand) & ~taken
    if not may_be.any():
        return None
    clear, likeness = parts.measures[:, [PartColumn.CLEAR_AREA, PartColumn.LIKENESS]].T
    part = int(np.argmax(np.where(may_be, clear, -1.0)))
    mask = parts.number == part
    mask &= is_surely_off_skin(parts.labels, trust_color=likeness[part] >= _SKIN_LIKENESS)
    return mask if _extent_m(parts, mask) <= max_size_m else None


def _may_be_held(parts: SceneParts, hand: HandSurface) -> NDArray[np.bool_]:
    """(P,) parts in a hand's grasp, loose, and more than a hand fitted somewhat off leaves over.

    What is clear of the hand speaks for itself; close to it only another color than skin does,
    as of something small in a fist.
    """
    in_grasp = parts.in_grasp_m2(hand)
    clear, likeness, fastened = parts.measures[
        :, [PartColumn.CLEAR_AREA, PartColumn.LIKENESS, PartColumn.FASTENED]
    ].T
    least_clear = np.where(likeness < _SKIN_LIKENESS, _LEAST_CLEAR_OF_SKIN_M2, _LEAST_CLEAR_M2)
    is_colored_object = (likeness > _OBJECT_LIKENESS) & (in_grasp > _LEAST_COLORED_M2)
    return np.asarray(
        (in_grasp > _LEAST_IN_GRASP_M2)
        & (in_grasp > parts.at_wrist_m2(hand))
        & (fastened < _MOST_FASTENED)
        & ((clear > least_clear) | is_colored_object)
    )


def _extent_m(parts: SceneParts, mask: NDArray[np.bool_]) -> float:
    """Diagonal of the box around most of the pixels of a mask."""
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return np.inf
    fx, fy, cx, cy = parts.intrinsics
    z = parts.labels.crop.depth_m[rows, columns]
    points = np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], axis=1)
    low, high = np.percentile(points, (1.0, 99.0), axis=0)
    return float((high - low).max())
