"""Compiled: bring the hand to a shape and a pose. ``hand_model.pose_differential`` is the same
in NumPy."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import (
    HandArrays,
    PosedArrays,
    StateArrays,
)

FloatArray = NDArray[np.floating[Any]]

_SMALL_SQUARED_ANGLE: Final = 1e-12


@compiled
def shape_hand(hand: HandArrays, shape: FloatArray, posed: PosedArrays) -> None:
    """Fill in what depends on the (10,) shape alone."""
    _shape_points(hand.template_m, hand.shapedirs, shape, posed.rest_m)
    _shape_points(hand.joints_m, hand.joint_shapedirs, shape, posed.rest_joints_m)
    _shape_points(hand.landmarks_m, hand.landmark_shapedirs, shape, posed.rest_landmarks_m)
    _vertex_normals(posed.rest_m, hand.faces, posed.rest_normals)


@compiled
def pose_hand(hand: HandArrays, state: StateArrays, posed: PosedArrays) -> None:
    """Pose a hand that was shaped."""
    _place_joints(hand.joint_axes, state, posed)
    _correct(hand, posed)
    _skin(hand, posed)
    _place_landmarks(hand.landmark_joints, posed)


@compiled
def parent_of(joint: int) -> int:
    """The joint that a finger's joint hangs on."""
    return 0 if joint % 3 == 1 else joint - 1


@compiled
def turn(vector: FloatArray, rotation: FloatArray, left_jacobian: FloatArray) -> None:
    """Of a (3,) axis-angle vector the (3, 3) rotation and left Jacobian of SO(3), in place."""
    squared = vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2
    if squared < _SMALL_SQUARED_ANGLE:
        first, second, third = 1.0, 0.5, 1.0 / 6.0
    else:
        angle = math.sqrt(squared)
        first = math.sin(angle) / angle
        half = math.sin(0.5 * angle) / angle
        second = 2.0 * half * half
        third = (1.0 - first) / squared if squared > 1e-6 else 1.0 / 6.0
    for row in range(3):
        for column in range(3):
            outer = vector[row] * vector[column] - (squared if row == column else 0.0)
            identity = 1.0 if row == column else 0.0
            rotation[row, column] = identity + second * outer
            left_jacobian[row, column] = identity + third * outer
    for axis in range(3):
        row, column = (axis + 2) % 3, (axis + 1) % 3
        rotation[row, column] += first * vector[axis]
        rotation[column, row] -= first * vector[axis]
        left_jacobian[row, column] += second * vector[axis]
        left_jacobian[column, row] -= second * vector[axis]


@compiled
def _shape_points(
    rest_m: FloatArray, shapedirs: FloatArray, shape: FloatArray, shaped_m: FloatArray
) -> None:
    for point in range(len(rest_m)):
        for axis in range(3):
            moved = rest_m[point, axis]
            for number in range(len(shape)):
                moved += shapedirs[point, axis, number] * shape[number]
            shaped_m[point, axis] = moved


@compiled
def _vertex_normals(vertices: FloatArray, faces: NDArray[np.int32], normals: FloatArray) -> None:
    """Unit normals: the faces around a vertex by their area."""
    normals[:] = 0.0
    for face in range(len(faces)):
        first, second, third = faces[face, 0], faces[face, 1], faces[face, 2]
        ax = vertices[second, 0] - vertices[first, 0]
        ay = vertices[second, 1] - vertices[first, 1]
        az = vertices[second, 2] - vertices[first, 2]
        bx = vertices[third, 0] - vertices[first, 0]
        by = vertices[third, 1] - vertices[first, 1]
        bz = vertices[third, 2] - vertices[first, 2]
        for corner in (first, second, third):
            normals[corner, 0] += ay * bz - az * by
            normals[corner, 1] += az * bx - ax * bz
            normals[corner, 2] += ax * by - ay * bx
    for vertex in range(len(normals)):
        x, y, z = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        length = max(math.sqrt(x * x + y * y + z * z), 1e-12)
        normals[vertex, 0], normals[vertex, 1], normals[vertex, 2] = (
            x / length,
            y / length,
            z / length,
        )


@compiled
def _place_joints(joint_axes: FloatArray, state: StateArrays, posed: PosedArrays) -> None:
    """Walk the kinematic tree: rotations, positions and what small angles turn."""
    rotations, positions, offsets = posed.rotations, posed.positions_m, posed.offsets_m
    rest, angle_turns, angles = posed.rest_joints_m, posed.angle_turns, state.angles_rad
    vector = np.empty(3)
    own, left_jacobian = np.empty((3, 3)), np.empty((3, 3))
    rotations[0] = state.orientation
    positions[0] = state.wrist_m
    for joint in range(1, len(rotations)):
        parent = parent_of(joint)
        axes = joint_axes[joint - 1]
        for axis in range(3):
            vector[axis] = 0.0
            for number in range(3):
                vector[axis] += angles[3 * (joint - 1) + number] * axes[number, axis]
        turn(vector, own, left_jacobian)
        _multiply(rotations[parent], own, rotations[joint])
        _multiply_transposed(left_jacobian, axes, own)
        _multiply(rotations[parent], own, angle_turns[joint - 1])
        for axis in range(3):
            placed = positions[parent, axis]
            for other in range(3):
                bone = rest[joint, other] - rest[parent, other]
                placed += rotations[parent, axis, other] * bone
            positions[joint, axis] = placed
    for joint in range(len(rotations)):
        for axis in range(3):
            offset = positions[joint, axis]
            for other in range(3):
                offset -= rotations[joint, axis, other] * rest[joint, other]
            offsets[joint, axis] = offset


@compiled
def _place_landmarks(joints: NDArray[np.int64], posed: PosedArrays) -> None:
    rotations, offsets = posed.rotations, posed.offsets_m
    rest, landmarks = posed.rest_landmarks_m, posed.landmarks_m
    for landmark in range(len(joints)):
        joint = joints[landmark]
        for axis in range(3):
            placed = offsets[joint, axis]
            for other in range(3):
                placed += rotations[joint, axis, other] * rest[landmark, other]
            landmarks[landmark, axis] = placed


@compiled
def _correct(hand: HandArrays, posed: PosedArrays) -> None:
    """Rest vertices with the pose correctives."""
    vertices, correctives, ends = (
        hand.corrective_vertices,
        hand.correctives,
        hand.corrective_ends,
    )
    rotations, corrected = posed.rotations, posed.corrected_m
    corrected[:] = posed.rest_m
    features = np.empty(9, dtype=np.float32)
    own = np.empty((3, 3))
    start = 0
    for joint in range(1, len(rotations)):
        _transposed_multiply(rotations[parent_of(joint)], rotations[joint], own)
        for row in range(3):
            for column in range(3):
                features[3 * row + column] = own[row, column] - (1.0 if row == column else 0.0)
        for entry in range(start, ends[joint - 1]):
            for axis in range(3):
                moved = np.float32(0.0)
                for number in range(9):
                    moved += correctives[entry, axis, number] * features[number]
                corrected[vertices[entry], axis] += moved
        start = ends[joint - 1]


@compiled
def _skin(hand: HandArrays, posed: PosedArrays) -> None:
    joints, weights = hand.skin_joints, hand.skin_weights
    corrected, rest_normals = posed.corrected_m, posed.rest_normals
    blended, vertices, normals = posed.blended, posed.vertices_m, posed.normals
    transforms = np.empty((len(posed.rotations), 3, 4), dtype=np.float32)
    transforms[:, :, :3] = posed.rotations
    transforms[:, :, 3] = posed.offsets_m
    for vertex in range(len(vertices)):
        x, y, z = corrected[vertex, 0], corrected[vertex, 1], corrected[vertex, 2]
        nx, ny, nz = rest_normals[vertex, 0], rest_normals[vertex, 1], rest_normals[vertex, 2]
        for row in range(3):
            a = b = c = d = np.float32(0.0)
            for place in range(joints.shape[1]):
                weight, joint = weights[vertex, place], joints[vertex, place]
                a += weight * transforms[joint, row, 0]
                b += weight * transforms[joint, row, 1]
                c += weight * transforms[joint, row, 2]
                d += weight * transforms[joint, row, 3]
            blended[vertex, row, 0], blended[vertex, row, 1], blended[vertex, row, 2] = a, b, c
            vertices[vertex, row] = a * x + b * y + c * z + d
            normals[vertex, row] = a * nx + b * ny + c * nz


@compiled
def _multiply(first: FloatArray, second: FloatArray, product: FloatArray) -> None:
    for row in range(3):
        for column in range(3):
            product[row, column] = (
                first[row, 0] * second[0, column]
                + first[row, 1] * second[1, column]
                + first[row, 2] * second[2, column]
            )


@compiled
def _multiply_transposed(first: FloatArray, second: FloatArray, product: FloatArray) -> None:
    """``first @ second.T``."""
    for row in range(3):
        for column in range(3):
            product[row, column] = (
                first[row, 0] * second[column, 0]
                + first[row, 1] * second[column, 1]
                + first[row, 2] * second[column, 2]
            )


@compiled
def _transposed_multiply(first: FloatArray, second: FloatArray, product: FloatArray) -> None:
    """``first.T @ second``."""
    for row in range(3):
        for column in range(3):
            product[row, column] = (
                first[0, row] * second[0, column]
                + first[1, row] * second[1, column]
                + first[2, row] * second[2, column]
            )
