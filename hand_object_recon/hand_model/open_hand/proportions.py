"""Brings the base mesh's breadths and depths to those of an average adult."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import FINGERS_IN_JOINT_ORDER, finger_joints
from hand_object_recon.hand_model.open_hand.shape_space import palm_thickness
from hand_object_recon.hand_model.open_hand.skeleton import Skeleton

FloatArray = NDArray[np.floating[Any]]

# The base mesh has an index finger 18.6 mm broad at its middle joint and a palm 33.6 mm thick.
# Means of women and men are 19.9 and 23.0 (Greiner, 1991), and 27.6 and 32.9 (Garrett, 1970).
_BROADER_FINGERS: Final = 0.07
_THINNER_PALM: Final = -0.07


def with_adult_proportions(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton
) -> FloatArray:
    """(778, 3) the base mesh's vertices with broader fingers and a thinner palm; lengths stay."""
    vertices = vertices_m + _THINNER_PALM * palm_thickness(vertices_m, weights)
    for finger in FINGERS_IN_JOINT_ORDER:
        joints = list(finger_joints(finger))
        line = skeleton.lines[finger]
        share = weights[:, joints]
        sideways = share @ skeleton.axes[np.array(joints) - 1, 0]
        arc = np.clip(line.project(vertices_m), 0.0, line.arc_m[-1])
        from_line = vertices_m - np.stack([line.at(value) for value in arc])
        along = np.einsum("vc,vc->v", from_line, sideways)
        vertices += _BROADER_FINGERS * along[:, None] * sideways
    return np.asarray(vertices)
