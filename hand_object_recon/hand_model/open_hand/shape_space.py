"""The open hand's ten shape modes, each one standard deviation of an adult hand."""

from __future__ import annotations

from collections.abc import Iterable
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

_LONG_FINGERS: Final = ("index", "middle", "ring", "pinky")

MODE_NAMES: Final = (
    "size",
    "palm_to_fingers",
    "palm_breadth",
    "palm_thickness",
    "finger_length",
    "finger_thickness",
    "thumb_length",
    "index_to_ring",
    "middle_to_others",
    "pinky_to_others",
)
# One standard deviation of each proportion, with size taken out. Size and palm: what ANSUR II
# (Gordon et al., 2014; men and women in equal shares) leaves of palm length and hand breadth at
# a given hand length. Fingers: what Hsiao et al. (2015) and Greiner (1991) report beyond size.
_SIGMA: Final = {
    "size": 0.055,
    "palm_to_fingers": 0.035,
    "palm_breadth": 0.055,
    "palm_thickness": 0.06,
    "finger_length": 0.04,
    "finger_thickness": 0.05,
    "thumb_length": 0.05,
    "index_to_ring": 0.02,
    "middle_to_others": 0.02,
    "pinky_to_others": 0.04,
}


def build_shape_space(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton
) -> FloatArray:
    """(V, 3, 10) displacement in metres for one standard deviation of each mode.

    Modes are orthogonal to each other: size is kept as it is, the others lose what they share
    with size and are then turned as little as makes them orthogonal, keeping their length
    (symmetric orthogonalisation, Loewdin, 1950).
    """
    raw = _proportions(vertices_m, weights, skeleton)
    fields = np.stack([_SIGMA[name] * raw[name].ravel() for name in MODE_NAMES])
    size, others = fields[0], fields[1:]
    others = others - np.outer(others @ size / (size @ size), size)
    length = np.linalg.norm(others, axis=1, keepdims=True)
    left, _, right = np.linalg.svd(others / length, full_matrices=False)
    modes = np.vstack([size, length * (left @ right)])
    assert len(modes) == SHAPE_COUNT
    return np.asarray(modes.T.reshape(-1, 3, SHAPE_COUNT))


def _proportions(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton
) -> dict[str, FloatArray]:
    """(V, 3) displacement that doubles each proportion, by name."""
    stretch = {
        finger: _finger_stretch(vertices_m, weights, skeleton, finger)
        for finger in FINGERS_IN_JOINT_ORDER
    }
    return {
        "size": vertices_m,
        "palm_to_fingers": _palm_stretch(vertices_m, weights, skeleton, axis=0),
        "palm_breadth": _palm_stretch(vertices_m, weights, skeleton, axis=2),
        "palm_thickness": palm_thickness(vertices_m, weights),
        "finger_length": _sum(stretch[name] for name in _LONG_FINGERS),
        "finger_thickness": _sum(
            _finger_thickness(vertices_m, weights, skeleton, finger)
            for finger in FINGERS_IN_JOINT_ORDER
        ),
        "thumb_length": stretch["thumb"],
        "index_to_ring": stretch["index"] - stretch["ring"],
        "middle_to_others": stretch["middle"] - 0.5 * (stretch["index"] + stretch["ring"]),
        "pinky_to_others": stretch["pinky"],
    }


def _sum(fields: Iterable[FloatArray]) -> FloatArray:
    return np.asarray(np.sum(list(fields), axis=0))


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


def palm_thickness(vertices_m: FloatArray, weights: FloatArray) -> FloatArray:
    """Away from the palm's middle plane."""
    middle = np.average(vertices_m[:, 1], weights=weights[:, 0])
    displacement = np.zeros_like(vertices_m)
    displacement[:, 1] = weights[:, 0] * (vertices_m[:, 1] - middle)
    return displacement


def _finger_thickness(
    vertices_m: FloatArray, weights: FloatArray, skeleton: Skeleton, finger: str
) -> FloatArray:
    """Away from the finger's line."""
    line = skeleton.lines[finger]
    share = weights[:, list(finger_joints(finger))].sum(axis=1)
    arc = np.clip(line.project(vertices_m), 0.0, line.arc_m[-1])
    foot = np.stack([line.at(value) for value in arc])
    return np.asarray(share[:, None] * (vertices_m - foot))
