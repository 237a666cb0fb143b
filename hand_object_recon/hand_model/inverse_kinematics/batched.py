"""Inverse kinematics of batches of hands, in torch."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.torch_alignment import align_rigid
from hand_object_recon.geometry.torch_quaternions import quaternion_to_axis_angle
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.bone_shape import LengthShape
from hand_object_recon.hand_model.inverse_kinematics.observation import (
    LEAST_PALM_BREADTH_M,
    LEAST_PALM_JOINTS,
    PALM,
)
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.skeleton import (
    MODEL_FROM_FINGERS,
    KinematicSkeleton,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_bone_shape import TorchLengthShape
from hand_object_recon.hand_model.inverse_kinematics.torch_linear import contract
from hand_object_recon.hand_model.inverse_kinematics.torch_refine import (
    BatchedFit,
    BatchedGoal,
    BatchedVariables,
    refine,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_skeleton import (
    TorchSkeleton,
    moved_by_shape,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_swing import finger_swings
from hand_object_recon.hand_model.model import HandModel


@dataclass(frozen=True, eq=False)
class BatchedHandPoseSolution:
    """As ``HandPoseSolution``, for B hands.

    pose_rad (B, 48), shape (B, 10), translation_m (B, 3), joints_m (B, 21, 3), residual_m
    (B, 21), NaN where a joint was missing; converged and valid (B,). A hand is not valid where
    the palm's joints leave the wrist open; its numbers are then finite but mean nothing.
    """

    pose_rad: Tensor
    shape: Tensor
    translation_m: Tensor
    joints_m: Tensor
    residual_m: Tensor
    converged: Tensor
    valid: Tensor


class BatchedInverseKinematics(nn.Module):
    """``InverseKinematics`` for batches, on the device the module is moved to, without gradient."""

    def __init__(self, model: HandModel, options: InverseKinematicsOptions | None = None) -> None:
        super().__init__()
        self.options = options or InverseKinematicsOptions()
        skeleton = KinematicSkeleton.of(model)
        self.skeleton = TorchSkeleton(skeleton)
        self.length_shape = TorchLengthShape(LengthShape(skeleton, self.options.joint_sd_m))

    def forward(
        self, joints_m: Tensor, weights: Tensor | None = None, shape: Tensor | None = None
    ) -> BatchedHandPoseSolution:
        """The poses that reach (B, 21, 3) joints in metres, keypoint order.

        weights
            (B, 21) confidence of each joint, one when left out; zero or a NaN coordinate: missing.
        shape
            (B, 10) or (10,) where the hands are known; fitted to the bones' lengths when left out.

        Raises
        ------
        InvalidValueError
            An argument has the wrong shape or a weight is negative or not finite.
        """
        with torch.inference_mode():
            found = self._solve(joints_m, weights, shape)
        # Copies made outside inference mode may take part in what is differentiated later.
        parts = {field.name: getattr(found, field.name).clone() for field in fields(found)}
        return BatchedHandPoseSolution(**parts)

    def _solve(
        self, joints_m: Tensor, weights: Tensor | None, shape: Tensor | None
    ) -> BatchedHandPoseSolution:
        joints, confidence = _observed(joints_m, weights)
        valid = _fixes_the_wrist(joints, confidence)
        known = None if shape is None else _known_shape(shape, len(joints))
        if known is None:
            first_shape = self.length_shape(joints, confidence)
        else:
            first_shape = known.to(joints).T.contiguous()
        start = self._start(joints, confidence, first_shape)
        goal = BatchedGoal(
            wrist_m=joints[:, 0].T.contiguous(),
            wrist_weight=confidence[:, 0].contiguous(),
            points_m=joints[:, 1:].reshape(-1, 5, 4, 3).permute(3, 2, 1, 0).contiguous(),
            finger_weights=confidence[:, 1:].reshape(-1, 5, 4).permute(2, 1, 0).contiguous(),
        )
        with_shape = known is None and self.options.refine_shape
        fit = refine(self.skeleton, start, goal, self.options, with_shape=with_shape)
        return self._solution(fit, joints, confidence, valid)

    def _start(self, joints_m: Tensor, weights: Tensor, shape: Tensor) -> BatchedVariables:
        """The swing solution within the joint limits; preferred angles where a joint is missing."""
        skeleton = self.skeleton
        knuckles, bones = skeleton.shaped(shape)
        palm = functional.pad(knuckles.permute(2, 1, 0), (0, 0, 1, 0))
        motion = align_rigid(palm, joints_m[:, list(PALM)], weights[:, list(PALM)])
        reach = (joints_m[:, 1:] - motion.translation[:, None]) @ motion.rotation
        beyond_knuckles = reach.reshape(-1, 5, 4, 3).permute(3, 2, 1, 0)[:, 1:]
        is_there = weights[:, 1:].reshape(-1, 5, 4)[:, :, 1:].permute(2, 1, 0) > 0
        swings = finger_swings(knuckles, bones, torch.where(is_there, beyond_knuckles, torch.nan))
        angles = contract(skeleton.axes, swings[:, :, None])
        preferred = skeleton.preferred_rad.reshape(3, 3, 5, 1)
        angles = torch.where(is_there[:, None], angles, preferred).flatten(0, 1)
        return BatchedVariables(
            orientation=motion.quaternion.T.contiguous(),
            wrist_m=motion.translation.T.contiguous(),
            angles_rad=angles.clamp(skeleton.lower_rad, skeleton.upper_rad),
            shape=shape,
        )

    def _solution(
        self, fit: BatchedFit, joints_m: Tensor, weights: Tensor, valid: Tensor
    ) -> BatchedHandPoseSolution:
        skeleton, found = self.skeleton, fit.variables
        axes, angles = skeleton.axes, found.angles_rad.reshape(3, 3, 5, -1)
        vectors = contract(axes.movedim(2, 0), angles.transpose(0, 1)[:, None])
        vectors = vectors.permute(3, 2, 1, 0).flatten(1, 2)
        orientation = quaternion_to_axis_angle(found.orientation.T)
        pose = torch.cat([orientation, vectors[:, list(MODEL_FROM_FINGERS)].flatten(1)], dim=1)
        rest_wrist = skeleton.wrist_m + moved_by_shape(skeleton.wrist_shapedirs, found.shape)
        reached = fit.joints_m.permute(2, 1, 0).contiguous()
        distance = (reached - joints_m).square().sum(dim=-1).sqrt()
        return BatchedHandPoseSolution(
            pose_rad=pose,
            shape=found.shape.T.contiguous(),
            translation_m=(found.wrist_m - rest_wrist).T.contiguous(),
            joints_m=reached,
            residual_m=torch.where(weights > 0, distance, torch.nan),
            converged=fit.converged & valid,
            valid=valid,
        )


def _observed(joints_m: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Float joints, zero where missing, and weights, zero there."""
    if joints_m.ndim != 3 or joints_m.shape[1:] != (KEYPOINT_COUNT, 3):
        raise InvalidValueError(
            f"joints have shape {tuple(joints_m.shape)}; a batch is (B, {KEYPOINT_COUNT}, 3)"
        )
    joints = joints_m.float()
    if weights is None:
        there = joints.new_ones(joints.shape[:2])
    elif weights.shape != joints.shape[:2]:
        raise InvalidValueError(
            f"joint weights have shape {tuple(weights.shape)}; joints {tuple(joints.shape)} need "
            f"{tuple(joints.shape[:2])}"
        )
    elif not bool((weights.isfinite() & (weights >= 0)).all()):
        raise InvalidValueError(
            "a joint weight is negative or not finite; give zero for a missing joint"
        )
    else:
        there = weights.to(joints)
    is_there = joints.isfinite().all(dim=-1) & (there > 0)
    return torch.where(is_there[..., None], joints, 0.0), torch.where(is_there, there, 0.0)


def _known_shape(shape: Tensor, count: int) -> Tensor:
    if shape.shape not in {(SHAPE_COUNT,), (count, SHAPE_COUNT)}:
        raise InvalidValueError(
            f"shape has shape {tuple(shape.shape)}; {count} hands need ({SHAPE_COUNT},) or "
            f"({count}, {SHAPE_COUNT})"
        )
    return shape.expand(count, SHAPE_COUNT)


def _fixes_the_wrist(joints_m: Tensor, weights: Tensor) -> Tensor:
    """(B,) where ``observation.require_palm`` has nothing to refuse."""
    is_there = (weights[:, list(PALM)] > 0).to(joints_m)
    count = is_there.sum(dim=1).clamp_min(1.0)
    points = joints_m[:, list(PALM)]
    mean = (is_there[..., None] * points).sum(dim=1) / count[:, None]
    centred = is_there[..., None] * (points - mean[:, None])
    scatter = centred.mT @ centred / count[:, None, None]
    trace = scatter.diagonal(dim1=1, dim2=2).sum(dim=1)
    minors = 0.5 * (trace.square() - scatter.square().sum(dim=(1, 2)))
    is_broad = minors >= LEAST_PALM_BREADTH_M**2 * trace
    return (is_there.sum(dim=1) >= LEAST_PALM_JOINTS) & is_broad & (trace > 0)
