"""The analytic swing solution for one hand, in NumPy.

Chen et al., "gSDF: Geometry-Driven Signed Distance Functions for 3D Hand-Object Reconstruction",
2023, appendix B: the palm's rotation by least squares over knuckles (equation 13), then joint by
joint the smallest turn of a bone towards the next keypoint (equation 14). Twist about a bone
stays zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.geometry.mesh_normals import cross
from hand_object_recon.geometry.rotations import (
    axis_angle_to_matrix,
    rotation_and_left_jacobian,
)
from hand_object_recon.hand_model.inverse_kinematics.skeleton import MODEL_FROM_FINGERS

FloatArray = NDArray[np.floating[Any]]

PAPER_KNUCKLES: Final = (5, 9, 13)
"""Keypoints whose directions from the wrist fix the palm in the paper."""

RELEASED_KNUCKLES: Final = (1, 5, 9, 13, 17)
"""The same in the authors' released code."""

RELEASED_AXIS_SOFTENING_M2: Final = 1e-7
"""What the authors' released code adds to the length of an axis before it divides by it."""

_TINY: Final = 1e-12


@dataclass(frozen=True, eq=False)
class SwingPose:
    """The 16 joints in the model's order: local_rotations and rotations (16, 3, 3) relative to
    the parent and to the camera, positions_m (16, 3); is_reflected tells that the knuckles asked
    for a mirrored palm."""

    local_rotations: FloatArray
    rotations: FloatArray
    positions_m: FloatArray
    is_reflected: bool


def swing_pose(
    template_m: FloatArray,
    joints_m: FloatArray,
    *,
    knuckles: tuple[int, ...] = PAPER_KNUCKLES,
    as_released: bool = False,
) -> SwingPose:
    """Rotations that turn (21, 3) rest keypoints towards (21, 3) joints.

    The rotation of the palm is always proper. ``as_released`` is there for
    parity with the authors' released code: a hand that a mirrored palm would fit better keeps the
    identity in all its joints, and an axis is divided by slightly more than its length.
    """
    template, target = template_m - template_m[0], joints_m - joints_m[0]
    chosen = list(knuckles)
    covariance = target[chosen].T @ template[chosen]
    is_reflected = bool(np.linalg.det(covariance) < 0)
    wrist = nearest_rotation(covariance)
    rest = template[1:].reshape(5, 4, 3)
    bones = np.diff(rest, axis=1)
    reach = (target[1:] @ wrist).reshape(5, 4, 3)
    softening = RELEASED_AXIS_SOFTENING_M2 if as_released else 0.0
    swings = finger_swings(rest[:, 0], bones, reach[:, 1:], softening)
    if as_released and is_reflected:
        wrist, swings = np.eye(3), np.zeros_like(swings)
    local = axis_angle_to_matrix(swings)
    rotations, positions = _chained(wrist, rest[:, 0], bones, local)
    in_order = local.reshape(15, 3, 3)[MODEL_FROM_FINGERS]
    return SwingPose(
        np.concatenate([wrist[None], in_order]), rotations, positions + joints_m[0], is_reflected
    )


def finger_swings(
    knuckles_m: FloatArray, bones_m: FloatArray, reach_m: FloatArray, axis_softening_m2: float = 0.0
) -> FloatArray:
    """(5, 3, 3) smallest axis-angle turns of each finger's three joints, one after another.

    (5, 3) knuckles and (5, 3, 3) rest bones give the joints as the template's bones reach them;
    each turns its bone towards the next of the (5, 3, 3) points to reach, all in the wrist's
    frame. A point that is NaN turns nothing.
    """
    swings = np.empty_like(bones_m)
    parent, position = np.eye(3), knuckles_m
    for joint in range(3):
        bone = bones_m[:, joint]
        wanted = ((reach_m[:, joint] - position)[:, None] @ parent)[:, 0]
        swings[:, joint] = _swing(bone, wanted, axis_softening_m2)
        if joint == 2:
            break
        parent = parent @ rotation_and_left_jacobian(swings[:, joint])[0]
        position = position + (parent @ bone[..., None])[..., 0]
    return swings


def _swing(source: FloatArray, target: FloatArray, softening: float) -> FloatArray:
    """(..., 3) smallest axis-angle turns of ``source`` towards ``target``; zero where NaN."""
    axis = cross(source, target)
    sine = np.sqrt((axis * axis).sum(axis=-1, keepdims=True))
    cosine = (source * target).sum(axis=-1, keepdims=True)
    turn = axis / np.maximum(sine + softening, _TINY) * np.arctan2(sine, cosine)
    return np.where(np.isnan(turn), 0.0, turn)


def _chained(
    wrist: FloatArray, knuckles_m: FloatArray, bones_m: FloatArray, local: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rotations (16, 3, 3) and positions (16, 3) relative to the wrist, in the model's order."""
    rotation, position = wrist, knuckles_m @ wrist.T
    rotations, positions = np.empty((5, 3, 3, 3)), np.empty((5, 3, 3))
    for joint in range(3):
        rotation = rotation @ local[:, joint]
        rotations[:, joint], positions[:, joint] = rotation, position
        position = position + (rotation @ bones_m[:, joint, :, None])[..., 0]
    turned = rotations.reshape(15, 3, 3)[MODEL_FROM_FINGERS]
    placed = positions.reshape(15, 3)[MODEL_FROM_FINGERS]
    return np.concatenate([wrist[None], turned]), np.concatenate([np.zeros((1, 3)), placed])
