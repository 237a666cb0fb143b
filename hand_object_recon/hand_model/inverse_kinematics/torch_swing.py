"""The analytic swing solution over batches, in torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hand_object_recon.geometry.torch_alignment import (
    rotation_of_covariance,
    weighted_covariance,
)
from hand_object_recon.geometry.torch_quaternions import quaternion_to_matrix
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.inverse_kinematics.skeleton import MODEL_FROM_FINGERS
from hand_object_recon.hand_model.inverse_kinematics.swing import (
    PAPER_KNUCKLES,
    RELEASED_AXIS_SOFTENING_M2,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_linear import (
    contract,
    cross,
    product,
    rotation_and_left_jacobian,
    turn,
)

_TINY = 1e-12


class BatchedSwingPose(NamedTuple):
    """The 16 joints in the model's order: local_rotations and rotations (B, 16, 3, 3) relative
    to the parent and to the camera, positions_m (B, 16, 3); is_reflected (B,) where the knuckles
    asked for a mirrored palm."""

    local_rotations: Tensor
    rotations: Tensor
    positions_m: Tensor
    is_reflected: Tensor


def swing_pose(
    template_m: Tensor,
    joints_m: Tensor,
    *,
    knuckles: tuple[int, ...] = PAPER_KNUCKLES,
    as_released: bool = False,
) -> BatchedSwingPose:
    """Rotations that turn (B, 21, 3) or (1, 21, 3) rest keypoints towards (B, 21, 3) joints.

    As ``swing.swing_pose`` for one hand.
    """
    template = (template_m - template_m[:, :1]).expand_as(joints_m)
    target = joints_m - joints_m[:, :1]
    chosen = list(knuckles)
    ones = target.new_ones(len(target), len(chosen))
    covariance = weighted_covariance(template[:, chosen], target[:, chosen], ones)
    is_reflected = torch.linalg.det(covariance) < 0
    wrist = quaternion_to_matrix(rotation_of_covariance(covariance))
    rest = template[:, 1:].reshape(-1, 5, 4, 3)
    bones = rest[:, :, 1:] - rest[:, :, :-1]
    reach = (target[:, 1:] @ wrist).reshape(-1, 5, 4, 3)[:, :, 1:]
    softening = RELEASED_AXIS_SOFTENING_M2 if as_released else 0.0
    swings = finger_swings(
        rest[:, :, 0].permute(2, 1, 0),
        bones.permute(3, 2, 1, 0),
        reach.permute(3, 2, 1, 0),
        softening,
    ).permute(3, 2, 1, 0)
    if as_released:
        identity = torch.eye(3).to(wrist)
        wrist = torch.where(is_reflected[:, None, None], identity, wrist)
        swings = swings.masked_fill(is_reflected[:, None, None, None], 0.0)
    local = axis_angle_to_matrix(swings)
    rotations, positions = _chained(wrist, rest[:, :, 0], bones, local)
    positions = positions + joints_m[:, :1]
    local = torch.cat([wrist[:, None], local.flatten(1, 2)[:, list(MODEL_FROM_FINGERS)]], dim=1)
    return BatchedSwingPose(local, rotations, positions, is_reflected)


def finger_swings(
    knuckles_m: Tensor, bones_m: Tensor, reach_m: Tensor, axis_softening_m2: float = 0.0
) -> Tensor:
    """(3, 3, 5, B) smallest axis-angle turns of each finger's three joints, one after another.

    As ``swing.finger_swings`` for one hand, of (3, 5, B) knuckles and (3, 3, 5, B) bones and
    points to reach, coordinate and joint.
    """
    swings = [_swing(bones_m[:, 0], reach_m[:, 0] - knuckles_m, axis_softening_m2)]
    position, parent = knuckles_m, None
    for joint in (1, 2):
        rotation, _ = rotation_and_left_jacobian(swings[-1])
        parent = rotation if parent is None else product(parent, rotation)
        position = position + turn(parent, bones_m[:, joint - 1])
        wanted = turn(parent.transpose(0, 1), reach_m[:, joint] - position)
        swings.append(_swing(bones_m[:, joint], wanted, axis_softening_m2))
    return torch.stack(swings, dim=1)


def _swing(source: Tensor, target: Tensor, softening: float) -> Tensor:
    """(3, ...) smallest axis-angle turns of ``source`` towards ``target``; zero where NaN."""
    axis = cross(source.expand_as(target), target)
    sine = contract(axis, axis).sqrt()
    angle = torch.atan2(sine, contract(source, target))
    return torch.nan_to_num(axis * (angle / (sine + softening).clamp_min(_TINY)))


def _chained(
    wrist: Tensor, knuckles_m: Tensor, bones_m: Tensor, local: Tensor
) -> tuple[Tensor, Tensor]:
    """Rotations (B, 16, 3, 3) and positions (B, 16, 3) relative to the wrist, model's order."""
    rotation = wrist[:, None]
    position = (rotation @ knuckles_m[..., None])[..., 0]
    rotations, positions = [], []
    for joint in range(3):
        rotation = rotation @ local[:, :, joint]
        rotations.append(rotation)
        positions.append(position)
        position = position + (rotation @ bones_m[:, :, joint, :, None])[..., 0]
    order = list(MODEL_FROM_FINGERS)
    turned = torch.stack(rotations, dim=2).flatten(1, 2)[:, order]
    placed = torch.stack(positions, dim=2).flatten(1, 2)[:, order]
    return (
        torch.cat([wrist[:, None], turned], dim=1),
        torch.cat([torch.zeros_like(placed[:, :1]), placed], dim=1),
    )
