"""The open hand's ten shape modes, each one standard deviation of an adult hand."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    SHAPE_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.open_hand.skeleton import FingerLine, Skeleton

FloatArray = NDArray[np.floating[Any]]

MODE_NAMES: Final = (
    "size",
    "palm_length",
    "palm_breadth",
    "finger_length",
    "thickness",
    "thumb_length",
    "index_length",
    "middle_length",
    "ring_length",
    "pinky_length",
)
# Hand length and breadth vary by 5 % (one standard deviation, ANSUR II, both sexes); what is
# left of the proportions once size is taken out varies by 3 to 6 %.
_SIGMA: Final = {
    "size": 0.05,
    "palm_length": 0.03,
    "palm_breadth": 0.04,
    "finger_length": 0.04,
    "thickness": 0.06,
    "thumb_length": 0.05,
    "index_length": 0.03,
    "middle_length": 0.03,
    "ring_length": 0.03,
    "pinky_length": 0.04,
}


def build_shape_space(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton
) -> FloatArray:
    """(778, 3, 10) displacement in metres for one standard deviation of each mode."""
    modes = {
        "size": vertices_m,
        "palm_length": _palm_stretch(vertices_m, weights, skeleton, axis=0),
        "palm_breadth": _palm_stretch(vertices_m, weights, skeleton, axis=2),
        "thickness": _thickness(vertices_m, weights, skeleton),
    }
    for finger in FINGERS_IN_JOINT_ORDER:
        modes[f"{finger}_length"] = _finger_stretch(vertices_m, weights, skeleton, finger)
    modes["finger_length"] = np.sum(
        [modes[f"{finger}_length"] for finger in FINGERS_IN_JOINT_ORDER if finger != "thumb"],
        axis=0,
    )
    shapedirs = np.stack([_SIGMA[name] * modes[name] for name in MODE_NAMES], axis=-1)
    assert shapedirs.shape[-1] == SHAPE_COUNT
    return shapedirs


def _finger_stretch(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton, finger: str
) -> FloatArray:
    """Stretch along the finger's line by its own length; the palm stays."""
    line = skeleton.lines[finger]
    share = weights[:, list(finger_joints(finger))].sum(axis=1)
    arc = np.maximum(line.project(vertices_m), 0.0)
    return np.asarray(share[:, None] * _displacement_along(line, arc))


def _displacement_along(line: FingerLine, arc: FloatArray) -> FloatArray:
    """(V, 3) how far a point at ``arc`` moves when the line is stretched to twice its length."""
    start, unit = line.points_m[0], np.diff(line.points_m, axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    inside = np.stack([line.at(value) for value in np.minimum(arc, line.arc_m[-1])]) - start
    beyond = np.maximum(arc - line.arc_m[-1], 0.0)
    return np.asarray(inside + beyond[:, None] * unit[-1])


def _palm_stretch(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton, axis: int
) -> FloatArray:
    """Stretch the palm along one axis about the wrist; fingers ride on their first joints."""
    displacement = np.zeros_like(vertices_m)
    displacement[:, axis] = weights[:, 0] * vertices_m[:, axis]
    for finger in FINGERS_IN_JOINT_ORDER:
        joints = finger_joints(finger)
        share = weights[:, list(joints)].sum(axis=1)
        displacement[:, axis] += share * skeleton.joints_m[joints[0], axis]
    return displacement


def _thickness(vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Away from the finger's line, and away from the palm's middle plane."""
    middle = skeleton.joints_m[[1, 4, 7, 10], 1].mean() / 2
    displacement = np.zeros_like(vertices_m)
    displacement[:, 1] = weights[:, 0] * (vertices_m[:, 1] - middle)
    for finger in FINGERS_IN_JOINT_ORDER:
        line = skeleton.lines[finger]
        share = weights[:, list(finger_joints(finger))].sum(axis=1)
        arc = np.clip(line.project(vertices_m), 0.0, line.arc_m[-1])
        foot = np.stack([line.at(value) for value in arc])
        displacement += share[:, None] * (vertices_m - foot)
    return displacement
