"""Bending a hand estimate, so that mesh, joints and parameters stay one hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.hand_model.conventions import (
    JOINT_COUNT,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
    finger_joints,
)
from hand_object_recon.interaction.correction import GivenHand, bent_hand
from hand_object_recon.interaction.hand_rig import JOINT_KEYPOINTS, HandRig

FloatArray = NDArray[np.floating[Any]]

_TIP_JOINTS: Final = [finger_joints(finger)[2] for finger in FINGER_NAMES]
_JOINT_OF_KEYPOINT: Final = np.array([*range(JOINT_COUNT), *_TIP_JOINTS])[
    list(KEYPOINTS_FROM_JOINTS_AND_TIPS)
]


def given_hand(hand: HandEstimate, rig: HandRig) -> GivenHand:
    """A hand estimate as the kernels take it."""
    vectors = hand.pose_rad[3:].reshape(-1, 3).astype(np.float64)
    angles = rig.angles_rad(vectors)
    return GivenHand(
        vertices_m=np.array(hand.vertices_m, dtype=np.float64),
        joints_m=hand.joints_m[JOINT_KEYPOINTS].astype(np.float64),
        orientation=np.ascontiguousarray(hand.wrist_pose[:3, :3]),
        vectors_rad=vectors,
        # a joint given beyond its limits may stay there
        lowest_rad=np.minimum(rig.lowest_rad - angles, 0.0),
        highest_rad=np.maximum(rig.highest_rad - angles, 0.0),
    )


def bent_estimate(hand: HandEstimate, rig: HandRig, bend: NDArray[np.float64]) -> HandEstimate:
    """The estimate after a bend (51,)."""
    given = given_hand(hand, rig)
    vertices, turns, offsets = bent_hand(given, rig.arrays, bend)
    at_keypoints = turns[_JOINT_OF_KEYPOINT] @ hand.joints_m[..., None].astype(np.float64)
    wrist_pose = np.eye(4)
    wrist_pose[:3, :3] = turns[0] @ hand.wrist_pose[:3, :3]
    wrist_pose[:3, 3] = turns[0] @ hand.wrist_pose[:3, 3] + offsets[0]
    vectors = given.vectors_rad + rig.vectors_rad(bend[6:])
    orientation = matrix_to_axis_angle(wrist_pose[:3, :3])
    return replace(
        hand,
        vertices_m=vertices.astype(np.float32),
        joints_m=(at_keypoints[..., 0] + offsets[_JOINT_OF_KEYPOINT]).astype(np.float32),
        wrist_pose=wrist_pose,
        pose_rad=np.concatenate([orientation, vectors.ravel()]).astype(np.float32),
    )
