"""Fits one side of a hand model to what a frame shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS, SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import (
    ALL_PARAMETERS,
    POSE_PARAMETERS,
    AttachedPoints,
    HandState,
)
from hand_object_recon.reconstructors.rgbd_fit.descent import descend
from hand_object_recon.reconstructors.rgbd_fit.explanation import explained_shares
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import (
    HandArrays,
    PosedArrays,
    StateArrays,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_points import HandPoints, camera_array
from hand_object_recon.reconstructors.rgbd_fit.landmarks import LandmarkPlacement
from hand_object_recon.reconstructors.rgbd_fit.observation import (
    ExpectationArrays,
    ObservationArrays,
    TermSettings,
)
from hand_object_recon.reconstructors.rgbd_fit.posing_kernels import pose_hand, shape_hand

FloatArray = NDArray[np.floating[Any]]

_PRIOR_WIDENING: Final = 1.5
_LEAST_DEVIATION_RAD: Final = 0.04
_KEYPOINT_ORDER: Final = np.array(KEYPOINTS_FROM_JOINTS_AND_TIPS)


@dataclass(frozen=True, eq=False)
class HandObservation:
    """What one frame shows of a hand: (21, 2) keypoints in pixels and depth points, if any."""

    keypoints_px: FloatArray | None
    camera: CameraIntrinsics
    points: HandPoints | None


@dataclass(frozen=True, eq=False)
class MotionBelief:
    """Where a hand's motion leads, and the information (51,) along each parameter."""

    state: HandState
    information: FloatArray


@dataclass(frozen=True, eq=False)
class ShapeBelief:
    """Gaussian belief about a hand's shape: mean (10,) and information matrix (10, 10)."""

    mean: FloatArray
    information: FloatArray


@dataclass(frozen=True, eq=False)
class FitResult:
    """Where a fit ended.

    cost
        Robust cost of the state.
    vertices_m (V, 3), keypoints_m (21, 3)
        The hand there, float32.
    explained, contradicted
        Shares of its visible surface where depth was measured on it, and behind it.
    shape_information (10, 10)
        What the observation tells of the shape, zero where that was held.
    """

    state: HandState
    cost: float
    vertices_m: NDArray[np.float32]
    keypoints_m: NDArray[np.float32]
    explained: float
    contradicted: float
    shape_information: FloatArray


class HandFitter:
    """Fits one side of a hand model; holds what depends on the model alone."""

    def __init__(self, model: HandModel, landmarks: LandmarkPlacement) -> None:
        self.model = model
        self.mean_angles_rad: FloatArray = model.pose_mean_rad.astype(np.float64)
        self._landmark_sigma_m = landmarks.sigma_m.astype(np.float64)
        self._hand = HandArrays.of(model, AttachedPoints.keypoints(model, landmarks.offsets_m))
        self._posed = PosedArrays.empty(self._hand)
        self._normal = np.zeros((ALL_PARAMETERS, ALL_PARAMETERS))
        self._usual = _usual_poses(model)

    def fit(
        self,
        start: HandState,
        observation: HandObservation,
        iterations: int,
        motion: MotionBelief | None = None,
        belief: ShapeBelief | None = None,
    ) -> FitResult:
        """Fit to an observation; the shape moves only when a belief about it is given."""
        seen = self._observed(observation)
        return self._descend(start, seen, iterations, motion, belief)

    def fit_targets(
        self, start: HandState, targets_m: FloatArray, sigma_m: FloatArray, iterations: int
    ) -> FitResult:
        """Inverse kinematics: bring the landmarks to (21, 3) targets, shape held."""
        seen = _NOTHING_SEEN._replace(
            targets_m=np.ascontiguousarray(targets_m, np.float64),
            target_sigma_m=np.ascontiguousarray(sigma_m, np.float64),
        )
        return self._descend(start, seen, iterations, None, None)

    def landmarks_m(self, state: HandState) -> FloatArray:
        """(21, 3) where the detector's landmarks of a hand are."""
        self._pose(state)
        return self._posed.landmarks_m.copy()

    def pose_rad(self, state: HandState) -> FloatArray:
        """(48,) the state's pose as the model has it: axis-angle, the wrist first."""
        angles = state.angles_rad.reshape(-1, 1, 3)
        joints = (angles @ self._hand.joint_axes)[:, 0]
        return np.concatenate([matrix_to_axis_angle(state.orientation), joints.ravel()])

    def _observed(self, observation: HandObservation) -> ObservationArrays:
        seen = _NOTHING_SEEN._replace(camera=camera_array(observation.camera))
        if observation.keypoints_px is not None:
            seen = seen._replace(
                keypoints_px=np.ascontiguousarray(observation.keypoints_px, np.float64),
                keypoint_sigma_m=self._landmark_sigma_m,
            )
        points = observation.points
        if points is None:
            return seen
        return seen._replace(
            points_m=points.points_m,
            point_normals=points.normals,
            label=points.label,
            depth_m=points.depth_m,
            outline_label=points.outline_label,
            outline_px=points.outline_px,
            cells=points.cells,
        )

    def _descend(
        self,
        start: HandState,
        seen: ObservationArrays,
        iterations: int,
        motion: MotionBelief | None,
        belief: ShapeBelief | None,
    ) -> FitResult:
        state = _state_arrays(start)
        expected = self._expected(start, motion, belief)
        cost = descend(
            self._hand,
            seen,
            expected,
            state,
            self._posed,
            self._normal,
            iterations,
            belief is not None,
        )
        information: FloatArray = np.zeros((SHAPE_COUNT, SHAPE_COUNT))
        if belief is not None:
            information = _shape_information(self._normal, belief)
        explained, contradicted = explained_shares(self._hand, self._posed, seen)
        return FitResult(
            state=HandState(*state),
            cost=cost,
            vertices_m=self._posed.vertices_m.copy(),
            keypoints_m=self._keypoints_m(),
            explained=explained,
            contradicted=contradicted,
            shape_information=information,
        )

    def _pose(self, state: HandState) -> None:
        arrays = _state_arrays(state)
        shape_hand(self._hand, arrays.shape, self._posed)
        pose_hand(self._hand, arrays, self._posed)

    def _expected(
        self, start: HandState, motion: MotionBelief | None, belief: ShapeBelief | None
    ) -> ExpectationArrays:
        usual = self._usual
        predicted = start if motion is None else motion.state
        information = np.zeros(POSE_PARAMETERS) if motion is None else motion.information
        return usual._replace(
            orientation=np.ascontiguousarray(predicted.orientation, np.float64),
            wrist_m=np.ascontiguousarray(predicted.wrist_m, np.float64),
            angles_rad=np.ascontiguousarray(predicted.angles_rad, np.float64),
            information=np.ascontiguousarray(information, np.float64),
            shape_mean=usual.shape_mean if belief is None else np.asarray(belief.mean, np.float64),
            shape_information=(
                usual.shape_information
                if belief is None
                else np.asarray(belief.information, np.float64)
            ),
        )

    def _keypoints_m(self) -> NDArray[np.float32]:
        tips = self._posed.vertices_m[self._hand.tip_vertices]
        joints = self._posed.positions_m.astype(np.float32)
        return np.asarray(np.concatenate([joints, tips])[_KEYPOINT_ORDER])


def _state_arrays(state: HandState) -> StateArrays:
    parts = (state.orientation, state.wrist_m, state.angles_rad, state.shape)
    return StateArrays(*(np.array(part, np.float64) for part in parts))


def _usual_poses(model: HandModel) -> ExpectationArrays:
    """The model's pose set and joint limits; nothing of motion or shape."""
    covariance = model.pose_covariance_rad2.astype(np.float64) * _PRIOR_WIDENING**2
    covariance += np.eye(len(covariance)) * _LEAST_DEVIATION_RAD**2
    limits = model.joint_limits_rad.astype(np.float64).reshape(-1, 2)
    return ExpectationArrays(
        pose_mean_rad=model.pose_mean_rad.astype(np.float64),
        pose_precision=np.asarray(np.linalg.inv(covariance), np.float64),
        lowest_rad=limits[:, 0].copy(),
        highest_rad=limits[:, 1].copy(),
        orientation=np.eye(3),
        wrist_m=np.zeros(3),
        angles_rad=np.zeros(len(covariance)),
        information=np.zeros(POSE_PARAMETERS),
        shape_mean=np.zeros(SHAPE_COUNT),
        shape_information=np.zeros((SHAPE_COUNT, SHAPE_COUNT)),
    )


def _shape_information(normal: FloatArray, belief: ShapeBelief) -> FloatArray:
    """Information on the shape once the pose is integrated out, without the belief's own."""
    whole = np.triu(normal) + np.triu(normal, 1).T
    pose = whole[:POSE_PARAMETERS, :POSE_PARAMETERS]
    mixed = whole[:POSE_PARAMETERS, POSE_PARAMETERS:]
    shape = whole[POSE_PARAMETERS:, POSE_PARAMETERS:] - belief.information
    pose = pose + np.diag(1e-6 + 1e-9 * np.diag(pose))
    return np.asarray(shape - mixed.T @ np.linalg.solve(pose, mixed))


_NOTHING_SEEN: Final = ObservationArrays(
    camera=np.zeros(4),
    keypoints_px=np.empty((0, 2)),
    keypoint_sigma_m=np.empty(0),
    targets_m=np.empty((0, 3)),
    target_sigma_m=np.empty(0),
    points_m=np.empty((0, 3), np.float32),
    point_normals=np.empty((0, 3), np.float32),
    label=np.empty((0, 0), np.uint8),
    depth_m=np.empty((0, 0), np.float32),
    outline_label=np.empty((0, 0), np.int32),
    outline_px=np.empty((0, 2), np.float32),
    cells=np.zeros(3, np.int64),
    settings=TermSettings(),
)
