"""Levenberg-Marquardt over pose, position and shape of one hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import (
    ALL_PARAMETERS,
    POSE_PARAMETERS,
    AttachedPoints,
    HandState,
    PosedLinearHand,
    ShapedHand,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_points import HandPoints
from hand_object_recon.reconstructors.rgbd_fit.landmarks import LandmarkPlacement
from hand_object_recon.reconstructors.rgbd_fit.residuals import (
    NO_PULLS,
    ImagePlacement,
    LandmarkPulls,
    PosePrior,
    SurfaceSettings,
    VertexPulls,
    free_space_pulls,
    reprojection_pulls,
    silhouette_pulls,
    surface_pulls,
    target_pulls,
)

FloatArray = NDArray[np.floating[Any]]

_SURFACE: Final = SurfaceSettings(sigma_m=0.003, robust_m=0.010, independent_points=300)
_SILHOUETTE_SIGMA_PX: Final = 3.0
_SILHOUETTE_SHARE: Final = 0.15
_FREE_SPACE_SIGMA_M: Final = 0.004
_FREE_SPACE_SHARE: Final = 0.1
_PRIOR_WIDENING: Final = 1.5
_LIMIT_SIGMA_RAD: Final = 0.05
_STUB_BEYOND_WRIST_M: Final = 0.008
_FIRST_DAMPING: Final = 1e-2
_LEAST_DAMPING: Final = 1e-4
_CONVERGED: Final = 1e-2  # relative gain of a step


@dataclass(frozen=True, eq=False)
class HandObservation:
    """What one frame shows of a hand: (21, 2) keypoints in pixels and, if any, depth points."""

    keypoints_px: FloatArray
    camera: CameraIntrinsics
    points: HandPoints | None


@dataclass(frozen=True, eq=False)
class ShapeBelief:
    """Gaussian belief about a hand's shape: mean (10,) and information matrix (10, 10)."""

    mean: FloatArray
    information: FloatArray


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """The fit about one state: the hand posed by it, normal matrix (P, P), gradient (P,), and
    the robust cost."""

    state: HandState
    hand: PosedLinearHand
    normal: FloatArray
    gradient: FloatArray
    cost: float


@dataclass(frozen=True, eq=False)
class FitResult:
    """Where a fit ended, and the information (10, 10) the observation holds on the shape, zero
    where that was held."""

    problem: LinearProblem
    shape_information: FloatArray

    @property
    def state(self) -> HandState:
        return self.problem.state

    @property
    def hand(self) -> PosedLinearHand:
        return self.problem.hand

    @property
    def cost(self) -> float:
        return self.problem.cost


Pulls = tuple[LandmarkPulls, list[VertexPulls]]


class HandFitter:
    """Fits one side of a hand model; holds what depends on the model alone."""

    def __init__(self, model: HandModel, landmarks: LandmarkPlacement) -> None:
        self.model = model
        self.prior = PosePrior(model, _PRIOR_WIDENING, _LIMIT_SIGMA_RAD)
        self.landmarks = AttachedPoints.keypoints(model, landmarks.offsets_m)
        self._landmark_sigma_m = landmarks.sigma_m
        self._shaped: ShapedHand | None = None
        towards_arm = 1.0 if model.side is HandSide.RIGHT else -1.0
        beyond_wrist_m = towards_arm * (model.v_template[:, 0] - model.rest_joints_m[0, 0])
        self._is_hand = beyond_wrist_m < _STUB_BEYOND_WRIST_M

    def shaped(self, shape: FloatArray) -> ShapedHand:
        """The model at a shape; the last one asked for is kept."""
        if self._shaped is None or not np.array_equal(self._shaped.shape, np.float32(shape)):
            self._shaped = ShapedHand(self.model, shape)
        return self._shaped

    def fit(
        self,
        start: HandState | FitResult,
        observation: HandObservation,
        iterations: int,
        belief: ShapeBelief | None = None,
    ) -> FitResult:
        """Fit to an observation, from a state or on from an earlier fit to it.

        The shape moves only when a belief about it is given.
        """

        def pulls(hand: PosedLinearHand) -> Pulls:
            return self._observed(hand, observation)

        if isinstance(start, HandState):
            problem = self._linearise(self.shaped(start.shape), start, pulls, belief)
        elif belief is not None:
            problem = self._linearise(start.hand.shaped, start.state, pulls, belief)
        else:
            problem = start.problem
        return self._minimise(problem, pulls, iterations, belief)

    def fit_targets(
        self, start: HandState, targets_m: FloatArray, sigma_m: FloatArray, iterations: int
    ) -> FitResult:
        """Inverse kinematics: bring the landmarks to (21, 3) targets, shape held."""

        def pulls(hand: PosedLinearHand) -> Pulls:
            return target_pulls(hand, self.landmarks, targets_m, sigma_m), [NO_PULLS]

        problem = self._linearise(self.shaped(start.shape), start, pulls, None)
        return self._minimise(problem, pulls, iterations, None)

    def _observed(self, hand: PosedLinearHand, observation: HandObservation) -> Pulls:
        camera, points = observation.camera, observation.points
        landmark = reprojection_pulls(
            hand, self.landmarks, observation.keypoints_px, self._landmark_sigma_m, camera
        )
        if points is None:
            return landmark, [NO_PULLS]
        placement = ImagePlacement(hand, self._is_hand, points, camera)
        return landmark, [
            surface_pulls(hand, self._is_hand, points, _SURFACE),
            silhouette_pulls(placement, _SILHOUETTE_SIGMA_PX, _SILHOUETTE_SHARE),
            free_space_pulls(placement, _FREE_SPACE_SIGMA_M, _FREE_SPACE_SHARE),
        ]

    def _minimise(
        self,
        best: LinearProblem,
        pulls: Callable[[PosedLinearHand], Pulls],
        iterations: int,
        belief: ShapeBelief | None,
    ) -> FitResult:
        shaped = best.hand.shaped
        damping = _FIRST_DAMPING
        for _ in range(iterations):
            step = _damped_step(best, damping)
            trial = best.state.stepped(step)
            if belief is not None:
                shaped = ShapedHand(self.model, trial.shape)
            candidate = self._linearise(shaped, trial, pulls, belief)
            if not candidate.cost < best.cost:  # also where it is not a number
                damping *= 8.0
                continue
            gain = best.cost - candidate.cost
            best = candidate
            damping = max(0.3 * damping, _LEAST_DAMPING)
            if gain < _CONVERGED * best.cost:
                break
        information: FloatArray = np.zeros((SHAPE_COUNT, SHAPE_COUNT))
        if belief is not None:
            information = _shape_information(best.normal, belief)
        return FitResult(best, information)

    def _linearise(
        self,
        shaped: ShapedHand,
        state: HandState,
        pulls: Callable[[PosedLinearHand], Pulls],
        belief: ShapeBelief | None,
    ) -> LinearProblem:
        hand = shaped.pose(state)
        landmark, vertex = pulls(hand)
        vertices = np.concatenate([pull.vertices for pull in vertex])
        directions = np.concatenate([pull.directions for pull in vertex])
        if belief is None:
            jacobian = hand.rows(self.landmarks, landmark.directions, vertices, directions)
        else:
            on_landmarks = hand.attached_rows(
                self.landmarks, landmark.directions, with_shape=True
            ).reshape(-1, ALL_PARAMETERS)
            on_vertices = hand.vertex_rows(vertices, directions, with_shape=True)
            jacobian = np.concatenate([on_landmarks, on_vertices])
        residuals = np.concatenate(
            [landmark.residuals.ravel(), *(pull.residuals for pull in vertex)]
        )
        weights = np.concatenate([landmark.weights.ravel(), *(pull.weights for pull in vertex)])
        weighted = (jacobian * weights.astype(np.float32)[:, None]).T
        normal = (weighted @ jacobian).astype(np.float64)
        gradient = (weighted @ residuals.astype(np.float32)).astype(np.float64)
        cost = landmark.cost + sum(pull.cost for pull in vertex)
        cost += self._add_beliefs(state, normal, gradient, belief)
        return LinearProblem(state, hand, normal, gradient, cost)

    def _add_beliefs(
        self,
        state: HandState,
        normal: FloatArray,
        gradient: FloatArray,
        belief: ShapeBelief | None,
    ) -> float:
        """Add the pose prior, and the belief about the shape, in place; return their cost."""
        prior_normal, prior_gradient, cost = self.prior(state.angles_rad)
        normal[6:POSE_PARAMETERS, 6:POSE_PARAMETERS] += prior_normal
        gradient[6:POSE_PARAMETERS] += prior_gradient
        if belief is None:
            return cost
        offset = state.shape - belief.mean
        pull = belief.information @ offset
        normal[POSE_PARAMETERS:, POSE_PARAMETERS:] += belief.information
        gradient[POSE_PARAMETERS:] += pull
        return cost + float(offset @ pull)


def _damped_step(problem: LinearProblem, damping: float) -> FloatArray:
    scaled = problem.normal + np.diag(damping * np.diag(problem.normal) + 1e-6)
    return np.asarray(-np.linalg.solve(scaled, problem.gradient))


def _shape_information(normal: FloatArray, belief: ShapeBelief) -> FloatArray:
    """Information on the shape once the pose is integrated out, without the belief's own."""
    pose = normal[:POSE_PARAMETERS, :POSE_PARAMETERS]
    mixed = normal[:POSE_PARAMETERS, POSE_PARAMETERS:]
    shape = normal[POSE_PARAMETERS:, POSE_PARAMETERS:] - belief.information
    pose = pose + np.diag(1e-6 + 1e-9 * np.diag(pose))
    return np.asarray(shape - mixed.T @ np.linalg.solve(pose, mixed))
