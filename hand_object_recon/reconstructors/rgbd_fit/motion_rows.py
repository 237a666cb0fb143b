"""Compiled: how points of a posed hand move with the parameters, summed to normal equations.

A point moves with the wrist and the three joints of one finger, so that a residual has 15
parameters (and 10 of shape), not 51. Its row is

    wrist's rotation 0..2, position 3..5, the finger's angles 6..14, residual 15, shape 16..25

and what is summed of the rows of each finger are their weighted products with themselves.

Functions here take whole arrays and a number, not a part of an array, and arrays are taken out
of their tuples before a loop: counting the references costs more than what is done with them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.pose_differential import POSE_PARAMETERS
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import HandArrays, PosedArrays
from hand_object_recon.reconstructors.rgbd_fit.posing_kernels import parent_of

FloatArray = NDArray[np.floating[Any]]

ROW_LENGTH: Final = 26
FINGER_COUNT: Final = 5
_ROOT: Final = 6
_RESIDUAL: Final = 15
_SHAPE: Final = 16
_FINGER_ANGLES: Final = 9


class Pulls(NamedTuple):
    """Residuals whose derivative is a point's motion along a direction.

    points (M,) int64 numbers of vertices or landmarks; directions (M, 3), residuals (M,) and
    robust weights (M,) float64.
    """

    points: NDArray[np.int64]
    directions: NDArray[np.float64]
    residuals: NDArray[np.float64]
    weights: NDArray[np.float64]


@compiled
def room_for_pulls(count: int) -> Pulls:
    """Pulls to be filled in."""
    return Pulls(
        np.empty(count, dtype=np.int64), np.empty((count, 3)), np.empty(count), np.empty(count)
    )


@compiled
def joint_shape_motion(
    joint_shapedirs: FloatArray, rotations: FloatArray, moved: FloatArray
) -> None:
    """Fill in (16, 3, 10): how joints move with shape; the wrist stays."""
    moved[0] = 0.0
    for joint in range(1, JOINT_COUNT):
        parent = parent_of(joint)
        for axis in range(3):
            for number in range(SHAPE_COUNT):
                value = moved[parent, axis, number]
                for other in range(3):
                    bone = (
                        joint_shapedirs[joint, other, number]
                        - joint_shapedirs[parent, other, number]
                    )
                    value += rotations[parent, axis, other] * bone
                moved[joint, axis, number] = value


@compiled
def add_vertices(
    hand: HandArrays,
    posed: PosedArrays,
    shape_motion: FloatArray,
    pulls: Pulls,
    count: int,
    sums: FloatArray,
) -> None:
    """Add the first pulls, which are on vertices, to (5, 26, 26) sums.

    ``shape_motion`` is (16, 3, 10), or empty where shape is held.
    """
    vertices, corrected, blended = posed.vertices_m, posed.corrected_m, posed.blended
    rotations, offsets, positions = posed.rotations, posed.offsets_m, posed.positions_m
    angle_turns, main_finger, weights = posed.angle_turns, hand.main_finger, hand.finger_weights
    shapedirs, joint_shapedirs = hand.shapedirs, hand.joint_shapedirs
    skin_joints, skin_weights = hand.skin_joints, hand.skin_weights
    pulled, directions = pulls.points, pulls.directions
    residuals, pull_weights = pulls.residuals, pulls.weights
    row = np.zeros(ROW_LENGTH)
    for pull in range(count):
        vertex = pulled[pull]
        finger = main_finger[vertex]
        knuckle = 1 + 3 * finger
        _root_part(vertex, vertices, positions, directions, pull, row)
        _vertex_angles_part(
            vertex,
            corrected,
            weights,
            knuckle,
            rotations,
            offsets,
            positions,
            angle_turns,
            directions,
            pull,
            row,
        )
        row[_RESIDUAL] = residuals[pull]
        if len(shape_motion):
            _vertex_shape_part(
                vertex,
                shapedirs,
                skin_joints,
                skin_weights,
                joint_shapedirs,
                blended,
                rotations,
                shape_motion,
                directions,
                pull,
                row,
            )
            _add_long(sums, finger, row, pull_weights[pull])
        else:
            _add_short(sums, finger, row, pull_weights[pull])


@compiled
def add_landmarks(
    hand: HandArrays,
    posed: PosedArrays,
    shape_motion: FloatArray,
    pulls: Pulls,
    count: int,
    sums: FloatArray,
) -> None:
    """The same for pulls on landmarks, each of which moves with its joint alone."""
    landmarks, rotations, positions = posed.landmarks_m, posed.rotations, posed.positions_m
    angle_turns, joints = posed.angle_turns, hand.landmark_joints
    shapedirs, joint_shapedirs = hand.landmark_shapedirs, hand.joint_shapedirs
    pulled, directions = pulls.points, pulls.directions
    residuals, pull_weights = pulls.residuals, pulls.weights
    row = np.zeros(ROW_LENGTH)
    for pull in range(count):
        landmark = pulled[pull]
        joint = joints[landmark]
        finger = max(joint - 1, 0) // 3
        knuckle = 1 + 3 * finger
        _root_part(landmark, landmarks, positions, directions, pull, row)
        _landmark_angles_part(
            landmark, landmarks, joint, knuckle, positions, angle_turns, directions, pull, row
        )
        row[_RESIDUAL] = residuals[pull]
        if len(shape_motion):
            _landmark_shape_part(
                landmark,
                joint,
                shapedirs,
                joint_shapedirs,
                rotations,
                shape_motion,
                directions,
                pull,
                row,
            )
            _add_long(sums, finger, row, pull_weights[pull])
        else:
            _add_short(sums, finger, row, pull_weights[pull])


@compiled
def spread(sums: FloatArray, normal: FloatArray, gradient: FloatArray) -> None:
    """Sums of rows to the normal matrix (61, 61), upper triangle, and gradient (61,)."""
    normal[:] = 0.0
    gradient[:] = 0.0
    place = np.empty(ROW_LENGTH, dtype=np.int64)
    for column in range(_ROOT):
        place[column] = column
    for number in range(SHAPE_COUNT):
        place[_SHAPE + number] = POSE_PARAMETERS + number
    for finger in range(FINGER_COUNT):
        for angle in range(_FINGER_ANGLES):
            place[_ROOT + angle] = _ROOT + _FINGER_ANGLES * finger + angle
        for first in range(ROW_LENGTH):
            if first == _RESIDUAL:
                continue
            low, high = min(first, _RESIDUAL), max(first, _RESIDUAL)
            gradient[place[first]] += sums[finger, low, high]
            for second in range(first, ROW_LENGTH):
                if second != _RESIDUAL:
                    normal[place[first], place[second]] += sums[finger, first, second]


@compiled
def _add_short(sums: FloatArray, finger: int, row: FloatArray, weight: float) -> None:
    """Add a weighted row times itself, shape left out; also below the diagonal, which costs
    less than to tell it apart."""
    for first in range(_SHAPE):
        weighted = weight * row[first]
        for second in range(_SHAPE):
            sums[finger, first, second] += weighted * row[second]


@compiled
def _add_long(sums: FloatArray, finger: int, row: FloatArray, weight: float) -> None:
    """The same with shape."""
    for first in range(ROW_LENGTH):
        weighted = weight * row[first]
        for second in range(ROW_LENGTH):
            sums[finger, first, second] += weighted * row[second]


@compiled
def _vertex_angles_part(
    vertex: int,
    corrected: FloatArray,
    weights: FloatArray,
    knuckle: int,
    rotations: FloatArray,
    offsets: FloatArray,
    positions: FloatArray,
    angle_turns: FloatArray,
    directions: FloatArray,
    pull: int,
    row: FloatArray,
) -> None:
    """Turning a joint by a small d moves a vertex by d x arm, with arm = what the joint and those
    beyond it contribute to the vertex, less as much of the joint itself."""
    px, py, pz = corrected[vertex, 0], corrected[vertex, 1], corrected[vertex, 2]
    x, y, z, carried = 0.0, 0.0, 0.0, 0.0
    for level in range(2, -1, -1):
        joint = knuckle + level
        weight = weights[vertex, level]
        x += weight * (_turned(rotations, joint, 0, px, py, pz) + offsets[joint, 0])
        y += weight * (_turned(rotations, joint, 1, px, py, pz) + offsets[joint, 1])
        z += weight * (_turned(rotations, joint, 2, px, py, pz) + offsets[joint, 2])
        carried += weight
        arm_x = x - carried * positions[joint, 0]
        arm_y = y - carried * positions[joint, 1]
        arm_z = z - carried * positions[joint, 2]
        _angle_part(arm_x, arm_y, arm_z, joint, angle_turns, directions, pull, level, row)


@compiled
def _landmark_angles_part(
    landmark: int,
    landmarks: FloatArray,
    own_joint: int,
    knuckle: int,
    positions: FloatArray,
    angle_turns: FloatArray,
    directions: FloatArray,
    pull: int,
    row: FloatArray,
) -> None:
    for column in range(_ROOT, _RESIDUAL):
        row[column] = 0.0
    for level in range(own_joint - knuckle + 1):
        joint = knuckle + level
        arm_x = landmarks[landmark, 0] - positions[joint, 0]
        arm_y = landmarks[landmark, 1] - positions[joint, 1]
        arm_z = landmarks[landmark, 2] - positions[joint, 2]
        _angle_part(arm_x, arm_y, arm_z, joint, angle_turns, directions, pull, level, row)


@compiled
def _turned(rotations: FloatArray, joint: int, axis: int, x: float, y: float, z: float) -> float:
    return float(
        rotations[joint, axis, 0] * x
        + rotations[joint, axis, 1] * y
        + rotations[joint, axis, 2] * z
    )


@compiled
def _root_part(
    point: int,
    points: FloatArray,
    positions: FloatArray,
    directions: FloatArray,
    pull: int,
    row: FloatArray,
) -> None:
    """Turning the hand by a small d moves a point by d x arm, and so by d . (arm x n) along n."""
    x = points[point, 0] - positions[0, 0]
    y = points[point, 1] - positions[0, 1]
    z = points[point, 2] - positions[0, 2]
    row[0] = y * directions[pull, 2] - z * directions[pull, 1]
    row[1] = z * directions[pull, 0] - x * directions[pull, 2]
    row[2] = x * directions[pull, 1] - y * directions[pull, 0]
    row[3], row[4], row[5] = directions[pull, 0], directions[pull, 1], directions[pull, 2]


@compiled
def _angle_part(
    x: float,
    y: float,
    z: float,
    joint: int,
    angle_turns: FloatArray,
    directions: FloatArray,
    pull: int,
    level: int,
    row: FloatArray,
) -> None:
    """The three angles of a joint whose arm is (x, y, z)."""
    turning_x = y * directions[pull, 2] - z * directions[pull, 1]
    turning_y = z * directions[pull, 0] - x * directions[pull, 2]
    turning_z = x * directions[pull, 1] - y * directions[pull, 0]
    for number in range(3):
        row[_ROOT + 3 * level + number] = (
            turning_x * angle_turns[joint - 1, 0, number]
            + turning_y * angle_turns[joint - 1, 1, number]
            + turning_z * angle_turns[joint - 1, 2, number]
        )


@compiled
def _vertex_shape_part(
    vertex: int,
    shapedirs: FloatArray,
    skin_joints: NDArray[np.int64],
    skin_weights: FloatArray,
    joint_shapedirs: FloatArray,
    blended: FloatArray,
    rotations: FloatArray,
    shape_motion: FloatArray,
    directions: FloatArray,
    pull: int,
    row: FloatArray,
) -> None:
    for number in range(SHAPE_COUNT):
        row[_SHAPE + number] = 0.0
    for axis in range(3):
        along = 0.0
        for other in range(3):
            along += directions[pull, other] * blended[vertex, other, axis]
        for number in range(SHAPE_COUNT):
            row[_SHAPE + number] += along * shapedirs[vertex, axis, number]
    for place in range(skin_joints.shape[1]):
        weight = skin_weights[vertex, place]
        if weight == 0.0:
            break
        joint = skin_joints[vertex, place]
        for axis in range(3):
            along = 0.0
            for other in range(3):
                along += directions[pull, other] * rotations[joint, other, axis]
            for number in range(SHAPE_COUNT):
                row[_SHAPE + number] += weight * (
                    directions[pull, axis] * shape_motion[joint, axis, number]
                    - along * joint_shapedirs[joint, axis, number]
                )


@compiled
def _landmark_shape_part(
    landmark: int,
    joint: int,
    shapedirs: FloatArray,
    joint_shapedirs: FloatArray,
    rotations: FloatArray,
    shape_motion: FloatArray,
    directions: FloatArray,
    pull: int,
    row: FloatArray,
) -> None:
    for number in range(SHAPE_COUNT):
        value = 0.0
        for axis in range(3):
            own = shape_motion[joint, axis, number]
            for other in range(3):
                bone = shapedirs[landmark, other, number] - joint_shapedirs[joint, other, number]
                own += rotations[joint, axis, other] * bone
            value += directions[pull, axis] * own
        row[_SHAPE + number] = value
