"""The hand model's forward pass for one hand, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS
from hand_object_recon.hand_model.hand_poser import HandPoser, PosedHand
from hand_object_recon.hand_model.model import HandModel

__all__ = ["HandPoser", "PosedHand", "chain_transforms", "pose_hand", "skin"]

FloatArray = NDArray[np.floating[Any]]

_PARENTS = np.array(JOINT_PARENTS[1:])


def pose_hand(
    model: HandModel,
    pose_rad: FloatArray,
    shape: FloatArray,
    translation_m: FloatArray,
) -> PosedHand:
    """Pose the model; ``HandPoser`` does it faster where the shape stays.

    pose_rad
        (48,) axis-angle: global orientation about the wrist, then 15 joints.
    shape
        (10,) shape coefficients.
    translation_m
        (3,) added after the global orientation.
    """
    return HandPoser(model, shape).pose(pose_rad, translation_m)


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
