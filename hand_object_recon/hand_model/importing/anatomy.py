"""Joint axes, limits and pose statistics for models that come without.

The axes follow from where the joints are. Limits and pose statistics are the open hand's: they
are stated in anatomical angles, which mean the same gesture on every hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    JOINT_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.open_hand.pose_space import joint_limits_rad, pose_set_rad

FloatArray = NDArray[np.floating[Any]]

THUMB_TARGET_BEFORE_PALM: Final = 0.33
"""The thumb closes towards a point this share of the distance wrist to middle knuckle in front
of the little finger's knuckle; on the open hand that is within 13 degrees of its rig's axes."""

_MIRROR: Final = np.array([-1.0, 1.0, 1.0])
_MIRROR_ROTATION: Final = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class PoseStatistics:
    """limits_rad (15, 3, 2), mean_rad (45,) and covariance_rad2 (45, 45) of anatomical angles,
    and poses_rad (N, 15, 3), the set they come from."""

    limits_rad: FloatArray
    mean_rad: FloatArray
    covariance_rad2: FloatArray
    poses_rad: FloatArray


@lru_cache(maxsize=1)
def pose_statistics() -> PoseStatistics:
    """Limits, mean and covariance of the open hand's pose set."""
    poses = pose_set_rad()
    flat = poses.reshape(len(poses), -1)
    return PoseStatistics(joint_limits_rad(), flat.mean(axis=0), np.cov(flat.T), poses)


def palm_normal(joints_m: FloatArray, side: HandSide) -> FloatArray:
    """(3,) unit vector out of the palm, from (16, 3) joints."""
    wrist, index, pinky = joints_m[0], joints_m[1], joints_m[7]
    normal = np.cross(index - wrist, pinky - wrist)
    outwards = 1.0 if side is HandSide.RIGHT else -1.0
    return np.asarray(outwards * normal / np.linalg.norm(normal))


def anatomical_axes(joints_m: FloatArray, tips_m: FloatArray, side: HandSide) -> FloatArray:
    """(15, 3, 3) flexion, abduction and twist axes of each joint below the wrist, one a row.

    Twist runs along the bone. Fingers flex towards the palm's normal, the thumb towards a point
    in front of the little finger's knuckle. Of a left hand the axes are the mirrored right ones.

    joints_m
        (16, 3) in rest.
    tips_m
        (5, 3) finger tips, thumb first.
    """
    if side is HandSide.LEFT:
        mirrored = anatomical_axes(joints_m * _MIRROR, tips_m * _MIRROR, HandSide.RIGHT)
        return np.asarray(mirrored * _MIRROR_ROTATION)
    palmar = palm_normal(joints_m, side)
    reach = np.linalg.norm(joints_m[4] - joints_m[0])
    thumb_target = joints_m[7] + THUMB_TARGET_BEFORE_PALM * reach * palmar
    axes = np.empty((JOINT_COUNT - 1, 3, 3))
    for finger in FINGERS_IN_JOINT_ORDER:
        numbers = finger_joints(finger)
        chain = np.vstack([joints_m[list(numbers)], tips_m[FINGER_NAMES.index(finger)]])
        for number, start, bone in zip(numbers, chain[:-1], np.diff(chain, axis=0), strict=True):
            closing = thumb_target - start if finger == "thumb" else palmar
            axes[number - 1] = _axes_of_bone(bone, closing)
    return axes


def _axes_of_bone(bone: FloatArray, closing: FloatArray) -> FloatArray:
    """Rows flexion, abduction, twist; positive flexion moves the bone's end along ``closing``."""
    twist = bone / np.linalg.norm(bone)
    flexion = np.cross(twist, closing)
    flexion /= np.linalg.norm(flexion)
    return np.stack([flexion, np.cross(twist, flexion), twist])
