"""Joint limits, a stated set of hand poses, and the mean and principal components of it.

Angles are components of the axis-angle vector along each joint's flexion, abduction and twist
axes (see ``skeleton``), in radians.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import FINGERS_IN_JOINT_ORDER, finger_joints

FloatArray = NDArray[np.floating[Any]]

_DEGREES: Final = np.pi / 180.0

# Active ranges of motion in degrees, rounded from the American Academy of Orthopaedic Surgeons'
# tables, with the few degrees of passive give that soft tissue has: (flexion, abduction, twist).
_FINGER_LIMITS_DEG: Final = (
    ((-35.0, 95.0), (-22.0, 22.0), (-10.0, 10.0)),
    ((-8.0, 112.0), (-5.0, 5.0), (-5.0, 5.0)),
    ((-15.0, 85.0), (-4.0, 4.0), (-4.0, 4.0)),
)
_THUMB_LIMITS_DEG: Final = (
    ((-35.0, 45.0), (-45.0, 45.0), (-35.0, 35.0)),
    ((-20.0, 65.0), (-15.0, 15.0), (-10.0, 10.0)),
    ((-30.0, 85.0), (-5.0, 5.0), (-5.0, 5.0)),
)

# Each pose: for index, middle, ring and pinky the flexion of the three joints and the abduction
# of the first; for the thumb the three flexions, then abduction and twist of its base. Degrees.
_Finger = tuple[float, float, float, float]
_Thumb = tuple[float, float, float, float, float]
_POSES: Final[dict[str, tuple[tuple[_Finger, _Finger, _Finger, _Finger], _Thumb]]] = {
    "flat": (((0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)), (0, 0, 0, 0, 0)),
    "together": (
        ((2, 3, 2, -7), (2, 3, 2, -2), (2, 3, 2, 6), (2, 3, 2, 12)),
        (0, 5, 5, 0, 0),
    ),
    "spread": (
        ((-5, 2, 0, 12), (-5, 2, 0, 2), (-5, 2, 0, -8), (-5, 2, 0, -15)),
        (-15, 0, 0, -10, 0),
    ),
    "relaxed": (
        ((20, 25, 12, -2), (25, 30, 15, 0), (28, 32, 16, 4), (28, 30, 16, 6)),
        (8, 10, 12, 5, 0),
    ),
    "fist": (
        ((62, 97, 57, -4), (86, 80, 50, -3), (76, 82, 52, 7), (71, 80, 52, 14)),
        (24, 40, 60, 20, -8),
    ),
    "hook": (
        ((10, 92, 60, -3), (10, 94, 60, 0), (10, 94, 60, 5), (10, 90, 60, 10)),
        (5, 10, 10, 0, 0),
    ),
    "point": (
        ((3, 5, 3, 0), (80, 91, 54, 1), (73, 89, 56, 5), (74, 83, 55, 11)),
        (21, 37, 44, 2, 1),
    ),
    "pinch": (
        ((53, 51, 30, 1), (30, 35, 20, 0), (25, 30, 18, 3), (22, 28, 16, 5)),
        (22, 25, 30, 20, 7),
    ),
    "tripod": (
        ((52, 48, 26, 0), (62, 52, 29, 2), (65, 75, 45, 5), (68, 75, 45, 10)),
        (26, 27, 31, 19, 5),
    ),
    "key": (
        ((60, 75, 40, -3), (68, 80, 45, 0), (72, 82, 48, 5), (75, 82, 48, 10)),
        (16, 18, 18, 2, 0),
    ),
    "opposition": (
        ((25, 30, 15, 0), (30, 35, 18, 0), (40, 40, 22, 2), (60, 46, 30, 9)),
        (39, 39, 38, 26, 2),
    ),
    "cylinder": (
        ((45, 50, 30, 0), (48, 52, 32, 0), (50, 54, 32, 3), (52, 54, 32, 6)),
        (12, 15, 20, 30, 10),
    ),
    "sphere": (
        ((30, 35, 20, 8), (30, 38, 22, 2), (32, 38, 22, -4), (34, 38, 22, -8)),
        (5, 12, 18, 30, 12),
    ),
    "lumbrical": (
        ((70, 10, 5, -3), (72, 10, 5, 0), (71, 10, 5, 6), (71, 10, 5, 9)),
        (18, 12, 12, 28, 10),
    ),
}
POSE_NAMES: Final = tuple(_POSES)
_FINGERS_OF_POSES: Final = ("index", "middle", "ring", "pinky")
_SAMPLES: Final = 4000
_SEED: Final = 20261121


def joint_limits_rad() -> FloatArray:
    """(15, 3, 2) least and greatest flexion, abduction and twist of each joint."""
    limits = np.zeros((15, 3, 2))
    for finger in FINGERS_IN_JOINT_ORDER:
        table = _THUMB_LIMITS_DEG if finger == "thumb" else _FINGER_LIMITS_DEG
        for joint, row in zip(finger_joints(finger), table, strict=True):
            limits[joint - 1] = np.array(row) * _DEGREES
    return limits


def named_pose_rad(name: str) -> FloatArray:
    """(15, 3) flexion, abduction and twist of a pose of the set."""
    fingers, thumb = _POSES[name]
    angles = np.zeros((15, 3))
    for finger, (first, second, third, abduction) in zip(_FINGERS_OF_POSES, fingers, strict=True):
        joints = finger_joints(finger)
        angles[[joint - 1 for joint in joints], 0] = first, second, third
        angles[joints[0] - 1, 1] = abduction
    base, middle, last = finger_joints("thumb")
    angles[base - 1] = thumb[0], thumb[3], thumb[4]
    angles[middle - 1, 0], angles[last - 1, 0] = thumb[1], thumb[2]
    return angles * _DEGREES


def pose_set_rad() -> FloatArray:
    """(4000, 15, 3) poses: random mixtures of up to three named ones, each finger with some
    freedom of its own, inside the joint limits; the same at every call."""
    random = np.random.default_rng(_SEED)
    named = np.stack([named_pose_rad(name) for name in _POSES])
    limits = joint_limits_rad()
    poses = np.empty((_SAMPLES, 15, 3))
    for sample in range(_SAMPLES):
        chosen = random.choice(len(named), size=3, replace=False)
        common = random.dirichlet((0.6, 0.6, 0.6))
        pose = np.einsum("p,pjc->jc", common, named[chosen])
        for finger in FINGERS_IN_JOINT_ORDER:
            own = random.dirichlet((0.6, 0.6, 0.6))
            rows = [joint - 1 for joint in finger_joints(finger)]
            alone = np.einsum("p,pjc->jc", own, named[chosen][:, rows])
            pose[rows] = 0.5 * pose[rows] + 0.5 * alone
        pose += random.normal(0.0, 4.0 * _DEGREES, pose.shape) * _freedom()
        poses[sample] = np.clip(pose, limits[..., 0], limits[..., 1])
    return poses


def to_axis_angle(angles_rad: FloatArray, axes: FloatArray) -> FloatArray:
    """(..., 15, 3) anatomical angles to (..., 45) axis-angle vectors in the rest frame."""
    vectors = np.einsum("...ja,jac->...jc", angles_rad, axes)
    return np.asarray(vectors.reshape(*vectors.shape[:-2], 45))


def _freedom() -> FloatArray:
    """(15, 3) how free each component is: hinges have little abduction and twist."""
    freedom = np.tile(np.array([1.0, 0.15, 0.15]), (15, 1))
    for finger in FINGERS_IN_JOINT_ORDER:
        base = finger_joints(finger)[0] - 1
        freedom[base] = (1.5, 1.5, 1.5) if finger == "thumb" else (1.0, 1.0, 0.4)
    return freedom
