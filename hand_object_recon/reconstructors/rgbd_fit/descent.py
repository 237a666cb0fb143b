"""Compiled: Levenberg-Marquardt over pose, position and shape of one hand."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.pose_differential import ALL_PARAMETERS, POSE_PARAMETERS
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import (
    HandArrays,
    PosedArrays,
    StateArrays,
)
from hand_object_recon.reconstructors.rgbd_fit.motion_rows import (
    FINGER_COUNT,
    ROW_LENGTH,
    joint_shape_motion,
    spread,
)
from hand_object_recon.reconstructors.rgbd_fit.observation import (
    ExpectationArrays,
    ObservationArrays,
)
from hand_object_recon.reconstructors.rgbd_fit.posing_kernels import pose_hand, shape_hand, turn
from hand_object_recon.reconstructors.rgbd_fit.residual_kernels import add_observed

FloatArray = NDArray[np.floating[Any]]

_LIMIT_INFORMATION: Final = 1.0 / 0.05**2  # beyond a joint limit, 1 / rad^2
_FIRST_DAMPING: Final = 1e-2
_LEAST_DAMPING: Final = 1e-4
_CONVERGED: Final = 1e-2  # relative gain of a step
_ROOT: Final = 6


@compiled
def descend(
    hand: HandArrays,
    seen: ObservationArrays,
    expected: ExpectationArrays,
    state: StateArrays,
    posed: PosedArrays,
    normal: FloatArray,
    iterations: int,
    with_shape: bool,
) -> float:
    """Move a state to a better one in place; return its robust cost.

    posed
        Left as the hand at that state.
    normal
        (61, 61), left as the normal matrix there, upper triangle.
    with_shape
        Whether the shape moves too.
    """
    parameters = ALL_PARAMETERS if with_shape else POSE_PARAMETERS
    gradient, trial_gradient = np.empty(ALL_PARAMETERS), np.empty(ALL_PARAMETERS)
    trial_normal = np.empty_like(normal)
    trial = _copied_state(state)
    step = np.empty(ALL_PARAMETERS)
    shape_hand(hand, state.shape, posed)
    cost = linearise(hand, seen, expected, state, posed, normal, gradient, with_shape)
    damping = _FIRST_DAMPING
    for _ in range(iterations):
        solve_damped(normal, gradient, damping, parameters, step)
        _take_step(state, step, trial, with_shape)
        if with_shape:
            shape_hand(hand, trial.shape, posed)
        trial_cost = linearise(
            hand, seen, expected, trial, posed, trial_normal, trial_gradient, with_shape
        )
        if not trial_cost < cost:  # also where it is not a number
            damping *= 8.0
            continue
        gain = cost - trial_cost
        cost = trial_cost
        _copy_state(trial, state)
        normal[:], gradient[:] = trial_normal, trial_gradient
        damping = max(0.3 * damping, _LEAST_DAMPING)
        if gain < _CONVERGED * cost:
            return cost
    if with_shape:
        shape_hand(hand, state.shape, posed)
    pose_hand(hand, state, posed)
    return cost


@compiled
def linearise(
    hand: HandArrays,
    seen: ObservationArrays,
    expected: ExpectationArrays,
    state: StateArrays,
    posed: PosedArrays,
    normal: FloatArray,
    gradient: FloatArray,
    with_shape: bool,
) -> float:
    """Pose a shaped hand and fill in the normal matrix (61, 61), upper triangle, and gradient
    (61,) of half the robust cost; return the cost."""
    pose_hand(hand, state, posed)
    shape_motion = np.empty((JOINT_COUNT if with_shape else 0, 3, SHAPE_COUNT))
    if with_shape:
        joint_shape_motion(hand.joint_shapedirs, posed.rotations, shape_motion)
    sums = np.zeros((FINGER_COUNT, ROW_LENGTH, ROW_LENGTH))
    cost = add_observed(hand, posed, seen, shape_motion, sums)
    spread(sums, normal, gradient)
    cost += _add_usual_poses(expected, state.angles_rad, normal, gradient)
    cost += _add_motion(expected, state, normal, gradient)
    if with_shape:
        cost += _add_shape(expected, state.shape, normal, gradient)
    return cost


@compiled
def solve_damped(
    normal: FloatArray, gradient: FloatArray, damping: float, parameters: int, step: FloatArray
) -> None:
    """Fill in the step (parameters,) that solves the damped normal equations, by elimination in
    their upper triangle; they are positive definite."""
    matrix = normal[:parameters, :parameters].copy()
    for place in range(parameters):
        matrix[place, place] += damping * matrix[place, place] + 1e-6
        step[place] = -gradient[place]
    for pivot in range(parameters):
        for place in range(pivot + 1, parameters):
            factor = matrix[pivot, place] / matrix[pivot, pivot]
            if factor != 0.0:
                for column in range(place, parameters):
                    matrix[place, column] -= factor * matrix[pivot, column]
                step[place] -= factor * step[pivot]
    for place in range(parameters - 1, -1, -1):
        for column in range(place + 1, parameters):
            step[place] -= matrix[place, column] * step[column]
        step[place] /= matrix[place, place]


@compiled
def _add_usual_poses(
    expected: ExpectationArrays, angles_rad: FloatArray, normal: FloatArray, gradient: FloatArray
) -> float:
    """How unusual a pose is, and how far it leaves the joint limits."""
    mean, precisions = expected.pose_mean_rad, expected.pose_precision
    lowest, highest = expected.lowest_rad, expected.highest_rad
    count = len(angles_rad)
    offsets = angles_rad - mean
    total = 0.0
    for first in range(count):
        pull = 0.0
        for second in range(count):
            pull += precisions[first, second] * offsets[second]
        for second in range(first, count):
            normal[_ROOT + first, _ROOT + second] += precisions[first, second]
        gradient[_ROOT + first] += pull
        total += offsets[first] * pull
        beyond = angles_rad[first] - min(max(angles_rad[first], lowest[first]), highest[first])
        if beyond != 0.0:
            normal[_ROOT + first, _ROOT + first] += _LIMIT_INFORMATION
            gradient[_ROOT + first] += _LIMIT_INFORMATION * beyond
            total += _LIMIT_INFORMATION * beyond * beyond
    return total


@compiled
def _add_motion(
    expected: ExpectationArrays, state: StateArrays, normal: FloatArray, gradient: FloatArray
) -> float:
    """How far the hand is from where its motion leads."""
    information = expected.information
    offsets = np.empty(POSE_PARAMETERS)
    offsets[:3] = rotation_vector(state.orientation, expected.orientation)
    offsets[3:_ROOT] = state.wrist_m - expected.wrist_m
    offsets[_ROOT:] = state.angles_rad - expected.angles_rad
    total = 0.0
    for place in range(POSE_PARAMETERS):
        pull = information[place] * offsets[place]
        normal[place, place] += information[place]
        gradient[place] += pull
        total += offsets[place] * pull
    return total


@compiled
def _add_shape(
    expected: ExpectationArrays, shape: FloatArray, normal: FloatArray, gradient: FloatArray
) -> float:
    informations = expected.shape_information
    offsets = shape - expected.shape_mean
    total = 0.0
    for first in range(SHAPE_COUNT):
        pull = 0.0
        for second in range(SHAPE_COUNT):
            pull += informations[first, second] * offsets[second]
        for second in range(first, SHAPE_COUNT):
            normal[POSE_PARAMETERS + first, POSE_PARAMETERS + second] += informations[first, second]
        gradient[POSE_PARAMETERS + first] += pull
        total += offsets[first] * pull
    return total


@compiled
def rotation_vector(rotation: FloatArray, start: FloatArray) -> FloatArray:
    """(3,) axis times angle that turns one (3, 3) rotation to another, for angles well below pi."""
    turned = rotation @ start.T
    vector = np.empty(3)
    vector[0] = 0.5 * (turned[2, 1] - turned[1, 2])
    vector[1] = 0.5 * (turned[0, 2] - turned[2, 0])
    vector[2] = 0.5 * (turned[1, 0] - turned[0, 1])
    sine = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    cosine = 0.5 * (turned[0, 0] + turned[1, 1] + turned[2, 2] - 1.0)
    if sine > 1e-9:
        vector *= math.atan2(sine, cosine) / sine
    return vector


@compiled
def _take_step(state: StateArrays, step: FloatArray, moved: StateArrays, with_shape: bool) -> None:
    rotation, left_jacobian = np.empty((3, 3)), np.empty((3, 3))
    turn(step[:3], rotation, left_jacobian)
    moved.orientation[:] = rotation @ state.orientation
    moved.wrist_m[:] = state.wrist_m + step[3:_ROOT]
    moved.angles_rad[:] = state.angles_rad + step[_ROOT:POSE_PARAMETERS]
    moved.shape[:] = state.shape
    if with_shape:
        moved.shape[:] += step[POSE_PARAMETERS:]


@compiled
def _copy_state(source: StateArrays, target: StateArrays) -> None:
    target.orientation[:] = source.orientation
    target.wrist_m[:] = source.wrist_m
    target.angles_rad[:] = source.angles_rad
    target.shape[:] = source.shape


@compiled
def _copied_state(state: StateArrays) -> StateArrays:
    return StateArrays(
        state.orientation.copy(), state.wrist_m.copy(), state.angles_rad.copy(), state.shape.copy()
    )
