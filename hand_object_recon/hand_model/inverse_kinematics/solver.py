"""Inverse kinematics of one hand, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.geometry.alignment import align
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.bone_shape import LengthShape, rigid_lengths
from hand_object_recon.hand_model.inverse_kinematics.observation import (
    PALM,
    observed,
    require_palm,
)
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.refine import (
    HandVariables,
    JointGoal,
    PosedFingers,
    refine,
)
from hand_object_recon.hand_model.inverse_kinematics.skeleton import (
    MODEL_FROM_FINGERS,
    KinematicSkeleton,
)
from hand_object_recon.hand_model.inverse_kinematics.swing import finger_swings
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class HandPoseSolution:
    """Parameters of the hand model that reach given joints, and how well they do.

    pose_rad (48,) axis-angle, shape (10,), translation_m (3,): what ``pose_hand`` takes.
    joints_m (21, 3): the keypoints reached; residual_m (21,): their distance to the joints
    given, NaN where one was missing. converged: the steps ended before they ran out.
    """

    pose_rad: FloatArray
    shape: FloatArray
    translation_m: FloatArray
    joints_m: FloatArray
    residual_m: FloatArray
    converged: bool


class InverseKinematics:
    """Finds pose, shape and translation of one side of a hand model from 21 joints."""

    def __init__(self, model: HandModel, options: InverseKinematicsOptions | None = None) -> None:
        self.options = options or InverseKinematicsOptions()
        self.skeleton = KinematicSkeleton.of(model)
        self._length_shape = LengthShape(self.skeleton, self.options.joint_sd_m)

    def solve(
        self,
        joints_m: FloatArray,
        weights: FloatArray | None = None,
        shape: FloatArray | None = None,
    ) -> HandPoseSolution:
        """The pose that reaches (21, 3) joints in metres, keypoint order.

        weights
            (21,) confidence of each joint, one when left out. A joint with weight zero or a NaN
            coordinate is missing and its place follows from the priors.
        shape
            (10,) where the hand is known; fitted to the bones' lengths when left out.

        Raises
        ------
        InvalidValueError
            The joints have the wrong shape or leave the wrist open: fewer than three of the
            palm, or those on a line.
        """
        joints, confidence = observed(joints_m, weights)
        if joints.ndim != 2:
            raise InvalidValueError(
                f"joints have shape {joints.shape}; a single hand is (21, 3), batches are for "
                "BatchedInverseKinematics"
            )
        require_palm(joints, confidence)
        goal = JointGoal(joints, confidence)
        known = None if shape is None else require_array("shape", shape, (SHAPE_COUNT,), np.float64)
        start = self._start(goal, self._fitted_shape(goal) if known is None else known)
        with_shape = known is None and self.options.refine_shape
        posed, converged = refine(self.skeleton, start, goal, self.options, with_shape=with_shape)
        return self._solution(posed, goal, converged)

    def fit_shape(self, joints_m: FloatArray, weights: FloatArray | None = None) -> FloatArray:
        """(10,) shape of one person's hand seen in N poses: (N, 21, 3) joints, (N, 21) weights."""
        lengths, shares = rigid_lengths(*observed(joints_m, weights))
        share = shares.mean(axis=0)
        mean = (shares * lengths).mean(axis=0) / np.where(share > 0, share, 1.0)
        return self._length_shape.fit(mean, share)

    def _fitted_shape(self, goal: JointGoal) -> FloatArray:
        return self._length_shape.fit(*rigid_lengths(goal.joints_m, goal.weights))

    def _start(self, goal: JointGoal, shape: FloatArray) -> HandVariables:
        """The swing solution within the joint limits; preferred angles where a joint is missing."""
        skeleton = self.skeleton
        knuckles, bones = skeleton.shaped(shape)
        palm = np.concatenate([np.zeros((1, 3)), knuckles])
        chosen = list(PALM)
        motion = align(palm, goal.joints_m[chosen], goal.weights[chosen], with_scale=False)
        reach = (goal.joints_m - motion.translation) @ motion.rotation
        is_there = goal.finger_weights[:, 1:, None] > 0
        beyond_knuckles = np.where(is_there, reach[1:].reshape(5, 4, 3)[:, 1:], np.nan)
        swings = finger_swings(knuckles, bones, beyond_knuckles)
        angles = (skeleton.axes @ swings[..., None])[..., 0]
        angles = np.where(is_there, angles, skeleton.preferred_rad.reshape(5, 3, 3)).reshape(5, 9)
        return HandVariables(
            orientation=motion.rotation,
            wrist_m=motion.translation,
            angles_rad=np.minimum(np.maximum(angles, skeleton.lower_rad), skeleton.upper_rad),
            shape=shape,
        )

    def _solution(self, posed: PosedFingers, goal: JointGoal, converged: bool) -> HandPoseSolution:
        found, skeleton = posed.variables, self.skeleton
        vectors = found.angles_rad.reshape(15, 1, 3) @ skeleton.axes.reshape(15, 3, 3)
        orientation = matrix_to_axis_angle(found.orientation)
        joints = posed.joints_m
        distance = np.sqrt(np.square(joints - goal.joints_m).sum(axis=-1))
        return HandPoseSolution(
            pose_rad=np.concatenate([orientation, vectors[MODEL_FROM_FINGERS].ravel()]),
            shape=found.shape,
            translation_m=found.wrist_m - skeleton.wrist_m - skeleton.wrist_shapedirs @ found.shape,
            joints_m=joints,
            residual_m=np.where(goal.weights > 0, distance, np.nan),
            converged=converged,
        )
