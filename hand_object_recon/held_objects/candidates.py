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
_SKIN_LIKENESS: Final = -1.5
_MOST_FASTENED: Final = 0.3  # of the border: a part of something larger


def held_part(
    parts: SceneParts, hand: HandSurface, taken: NDArray[np.bool_], max_size_m: float
) -> NDArray[np.bool_] | None:
    """Pixels (h, w) of what a hand may hold, without those that may be skin; None for nothing.

    taken (P,): parts that belong to known objects.
    """
    if parts.count == 0:
        return None
    measures = parts.measures
    in_grasp = parts.in_grasp_m2(hand)
    clear = measures[:, PartColumn.CLEAR_AREA]
    is_skin_colored = measures[:, PartColumn.LIKENESS] < _SKIN_LIKENESS
    may_be = (
        ~taken
        & (in_grasp > _LEAST_IN_GRASP_M2)
        & (in_grasp > parts.at_wrist_m2(hand))
        & (measures[:, PartColumn.FASTENED] < _MOST_FASTENED)
    )
    may_be &= clear > np.where(is_skin_colored, _LEAST_CLEAR_OF_SKIN_M2, _LEAST_CLEAR_M2)
    if not may_be.any():
        return None
    part = int(np.argmax(np.where(may_be, clear, 0.0)))
    mask = parts.number == part
    mask &= is_surely_off_skin(parts.labels, trust_color=not is_skin_colored[part])
    return mask if _extent_m(parts, mask) <= max_size_m else None


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
