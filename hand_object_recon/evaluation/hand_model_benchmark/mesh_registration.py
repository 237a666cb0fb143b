"""Brings a hand model onto a hand's true mesh, whose topology may be another.

Levenberg-Marquardt over pose and shape: each true vertex draws the model's nearest vertex along
its normal and weakly in all directions, and the keypoints draw theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.alignment import align
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.observation import PALM
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import (
    POSE_PARAMETERS,
    AttachedPoints,
    HandState,
    PosedLinearHand,
    ShapedHand,
)

FloatArray = NDArray[np.floating[Any]]

_KEYPOINT_SD_M: Final = 6e-3
_TO_PLANE_SD_M: Final = 1.5e-3
_TO_POINT_SD_M: Final = 6e-3
_INDEPENDENT_VERTICES: Final = 100
"""Neighbouring vertices err alike: a mesh counts as so many, however fine it is."""

_BEYOND_LIMIT_SD_RAD: Final = 0.05
_ANGLE_SD_RAD: Final = 2.0

_KEYPOINT_STEPS: Final = 15
_SURFACE_STEPS: Final = 40
_LEAST_GAIN: Final = 1e-5
_FIRST_DAMPING: Final = 1e-2
_LEAST_DAMPING: Final = 1e-5
_MOST_DAMPING: Final = 1e3

_ANGLES: Final = slice(6, POSE_PARAMETERS)
_SHAPE: Final = slice(POSE_PARAMETERS, None)


@dataclass(frozen=True, eq=False)
class RegisteredHand:
    """vertices_m of the model, keypoints_m (21, 3), shape (10,).

    shape_information (10, 10)
        How surely the mesh tells the shape: the inverse of its covariance, prior left out.
    """

    vertices_m: FloatArray
    keypoints_m: FloatArray
    shape: FloatArray
    shape_information: FloatArray


class MeshRegistration:
    """Registers one side of a hand model to meshes of that side."""

    def __init__(self, model: HandModel) -> None:
        self._model = model
        self._keypoints = AttachedPoints.keypoints(model)

    def register(
        self, joints_m: FloatArray, vertices_m: FloatArray, shape: FloatArray, *, with_shape: bool
    ) -> RegisteredHand:
        """The model on (21, 3) joints and (N, 3) vertices, metres.

        shape
            (10,) to be held, or with ``with_shape`` to start from: the mean of a prior with a
            standard deviation of one.
        """
        goal = _Goal(self._model, self._keypoints, joints_m, vertices_m, shape, with_shape)
        state = self._start(joints_m, shape)
        state = _descend(goal, state, with_surface=False, steps=_KEYPOINT_STEPS).state
        found = _descend(goal, state, with_surface=True, steps=_SURFACE_STEPS)
        return RegisteredHand(
            found.hand.vertices_m,
            found.hand.keypoints_m,
            found.state.shape,
            _shape_information(found.normal_matrix),
        )

    def _start(self, joints_m: FloatArray, shape: FloatArray) -> HandState:
        """The model's mean pose with its palm on the palm's joints."""
        angles = self._model.pose_mean_rad.astype(np.float64)
        state = HandState(np.eye(3), np.zeros(3), angles, shape)
        keypoints = ShapedHand(self._model, shape).pose(state).attached(self._keypoints)
        palm = list(PALM)
        motion = align(keypoints[palm], joints_m[palm], with_scale=False)
        return HandState(motion.rotation, motion.translation, angles, shape)


@dataclass(frozen=True, eq=False)
class _Linearized:
    """A state and the cost about it.

    normal_matrix (61, 61) is of the measurements alone; with_priors (61, 61), gradient (61,) and
    cost are of measurements and priors.
    """

    state: HandState
    hand: PosedLinearHand
    normal_matrix: FloatArray
    with_priors: FloatArray
    gradient: FloatArray
    cost: float


class _Goal:
    """What a hand is drawn to: joints (21, 3), vertices (N, 3), the priors of angles and shape."""

    def __init__(
        self,
        model: HandModel,
        keypoints: AttachedPoints,
        joints_m: FloatArray,
        vertices_m: FloatArray,
        shape: FloatArray,
        with_shape: bool,
    ) -> None:
        self.free_parameters = POSE_PARAMETERS + (SHAPE_COUNT if with_shape else 0)
        self._model = model
        self._keypoints = keypoints
        self._joints_m = joints_m
        self._vertices_m = vertices_m
        self._shape = shape
        limits = model.joint_limits_rad.reshape(3 * (JOINT_COUNT - 1), 2).astype(np.float64)
        self._lower_rad, self._upper_rad = limits[:, 0], limits[:, 1]

    def linearized(self, state: HandState, *, with_surface: bool) -> _Linearized:
        """The cost about a state, with or without the mesh's surface."""
        hand = ShapedHand(self._model, state.shape).pose(state)
        parts = [self._keypoint_rows(hand)]
        if with_surface:
            parts.append(self._surface_rows(hand))
        rows = np.concatenate([part[0] for part in parts])
        residuals = np.concatenate([part[1] for part in parts])
        normal = rows.T @ rows
        with_priors, gradient = normal.copy(), rows.T @ residuals
        cost = float(residuals @ residuals)

        angles = state.angles_rad
        beyond = (angles - np.clip(angles, self._lower_rad, self._upper_rad)) / _BEYOND_LIMIT_SD_RAD
        bent = (angles - self._model.pose_mean_rad) / _ANGLE_SD_RAD
        stiffness = (beyond != 0) / _BEYOND_LIMIT_SD_RAD**2 + 1.0 / _ANGLE_SD_RAD**2
        with_priors[_ANGLES, _ANGLES] += np.diag(stiffness)
        gradient[_ANGLES] += beyond / _BEYOND_LIMIT_SD_RAD + bent / _ANGLE_SD_RAD
        reshaped = state.shape - self._shape
        with_priors[_SHAPE, _SHAPE] += np.eye(SHAPE_COUNT)
        gradient[_SHAPE] += reshaped
        cost += float(beyond @ beyond + bent @ bent + reshaped @ reshaped)
        return _Linearized(state, hand, normal, with_priors, gradient, cost)

    def _keypoint_rows(self, hand: PosedLinearHand) -> tuple[FloatArray, FloatArray]:
        along = _along_axes(len(self._joints_m))
        rows = hand.attached_rows(self._keypoints, along, with_shape=True)
        offsets = hand.attached(self._keypoints) - self._joints_m
        rows = rows.reshape(-1, rows.shape[-1]).astype(np.float64)
        return rows / _KEYPOINT_SD_M, offsets.T.ravel() / _KEYPOINT_SD_M

    def _surface_rows(self, hand: PosedLinearHand) -> tuple[FloatArray, FloatArray]:
        from scipy.spatial import cKDTree

        _, nearest = cKDTree(hand.vertices_m).query(self._vertices_m)
        offsets = hand.vertices_m[nearest] - self._vertices_m
        normals = hand.normals[nearest]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        along = np.concatenate([normals[None], _along_axes(len(normals))]).reshape(-1, 3)
        rows = hand.vertex_rows(np.tile(nearest, 4), along, with_shape=True)
        residuals = np.einsum("nc,nc->n", along, np.tile(offsets, (4, 1)))
        spread = np.repeat([_TO_PLANE_SD_M, *[_TO_POINT_SD_M] * 3], len(normals))
        spread *= np.sqrt(len(normals) / _INDEPENDENT_VERTICES)
        return rows.astype(np.float64) / spread[:, None], residuals / spread


def _along_axes(count: int) -> NDArray[np.float32]:
    """(3, N, 3): x for each of N points, then y, then z."""
    return np.repeat(np.eye(3, dtype=np.float32)[:, None], count, axis=1)


def _descend(goal: _Goal, state: HandState, *, with_surface: bool, steps: int) -> _Linearized:
    """Damped steps until they run out, gain nothing or find no way down."""
    found = goal.linearized(state, with_surface=with_surface)
    damping = _FIRST_DAMPING
    free = slice(goal.free_parameters)
    for _ in range(steps):
        matrix = found.with_priors[free, free]
        damped = matrix + np.diag(damping * np.diag(matrix) + 1e-9)
        step = -np.linalg.solve(damped, found.gradient[free])
        tried = goal.linearized(found.state.stepped(step), with_surface=with_surface)
        gain = found.cost - tried.cost
        if gain > 0:
            has_converged = gain < _LEAST_GAIN * found.cost
            found, damping = tried, max(0.3 * damping, _LEAST_DAMPING)
            if has_converged:
                break
        else:
            damping *= 8.0
            if damping > _MOST_DAMPING:
                break
    return found


def _shape_information(normal: FloatArray) -> FloatArray:
    """(10, 10) information on the shape with the pose unknown, of (61, 61) on both."""
    pose = slice(POSE_PARAMETERS)
    told_by_pose = np.linalg.solve(normal[pose, pose], normal[pose, _SHAPE])
    return np.asarray(normal[_SHAPE, _SHAPE] - normal[_SHAPE, pose] @ told_by_pose)
