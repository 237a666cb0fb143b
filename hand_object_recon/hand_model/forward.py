"""The hand model's forward pass for one hand, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.conventions import (
    JOINT_COUNT,
    JOINT_PARENTS,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
)
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

_PARENTS = np.array(JOINT_PARENTS[1:])


@dataclass(frozen=True, eq=False)
class PosedHand:
    """A posed hand in the frame its translation is given in.

    vertices_m (778, 3); joints_m (21, 3) in keypoint order; joint_rotations (16, 3, 3) and
    joint_positions_m (16, 3), the global transform of each joint of the model.
    """

    vertices_m: FloatArray
    joints_m: FloatArray
    joint_rotations: FloatArray
    joint_positions_m: FloatArray

    @property
    def wrist_pose(self) -> NDArray[np.float64]:
        """(4, 4) transform from the rest frame at the wrist."""
        pose = np.eye(4)
        pose[:3, :3] = self.joint_rotations[0]
        pose[:3, 3] = self.joint_positions_m[0]
        return pose


def pose_hand(
    model: HandModel,
    pose_rad: FloatArray,
    shape: FloatArray,
    translation_m: FloatArray,
) -> PosedHand:
    """Pose the model.

    pose_rad
        (48,) axis-angle: global orientation about the wrist, then 15 joints.
    shape
        (10,) shape coefficients.
    translation_m
        (3,) added after the global orientation.
    """
    local = axis_angle_to_matrix(np.asarray(pose_rad, dtype=np.float32).reshape(JOINT_COUNT, 3))
    shaped = model.v_template + model.shapedirs @ np.asarray(shape, dtype=np.float32)
    features = (local[1:] - np.eye(3, dtype=np.float32)).reshape(-1)
    corrected = shaped + model.posedirs @ features
    rotations, positions = chain_transforms(local, model.joint_regressor @ shaped)
    vertices = skin(corrected, model.joint_regressor @ shaped, model.weights, rotations, positions)
    translation = np.asarray(translation_m, dtype=np.float32)
    vertices += translation
    positions = positions + translation
    tips = vertices[model.tip_vertices]
    keypoints = np.concatenate([positions, tips])[list(KEYPOINTS_FROM_JOINTS_AND_TIPS)]
    return PosedHand(vertices, keypoints, rotations, positions)


def chain_transforms(
    local_rotations: FloatArray, rest_joints_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Global rotations (16, 3, 3) and positions (16, 3) along the kinematic tree.

    The five fingers hang off the wrist side by side, so the tree is walked in three steps.
    """
    rotations = np.empty_like(local_rotations)
    positions = np.empty_like(rest_joints_m)
    rotations[0], positions[0] = local_rotations[0], rest_joints_m[0]
    local = local_rotations[1:].reshape(5, 3, 3, 3)
    bones = (rest_joints_m[1:] - rest_joints_m[_PARENTS]).reshape(5, 3, 3, 1)
    finger_rotations = rotations[1:].reshape(5, 3, 3, 3)
    finger_positions = positions[1:].reshape(5, 3, 3)
    parent_rotation, parent_position = rotations[:1], positions[:1]
    for level in range(3):
        finger_positions[:, level] = parent_position + (parent_rotation @ bones[:, level])[..., 0]
        finger_rotations[:, level] = parent_rotation @ local[:, level]
        parent_rotation, parent_position = finger_rotations[:, level], finger_positions[:, level]
    return rotations, positions


def skin(
    vertices_m: FloatArray,
    rest_joints_m: FloatArray,
    weights: FloatArray,
    rotations: FloatArray,
    positions_m: FloatArray,
) -> FloatArray:
    """Linear blend skinning of (V, 3) rest vertices with (V, 16) weights."""
    offsets = positions_m - np.einsum("jab,jb->ja", rotations, rest_joints_m)
    blended = (weights @ rotations.reshape(JOINT_COUNT, 9)).reshape(-1, 3, 3)
    posed: FloatArray = (blended @ vertices_m[..., None])[..., 0] + weights @ offsets
    return posed
