"""Bending a hand's mesh about its own joints, compiled.

The parameters of a bend are those of ``hand_model.pose_differential``: a small turn of the whole
hand about its wrist in the camera frame (3), the wrist's move (3), and changes of the 15 joints'
anatomical angles (45). The mesh is moved from where it was given, so that whatever made it (pose
correctives, smoothing, a network) stays in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

Array = NDArray[np.float64]


@compiled
def turned_joints(
    orientation: Array, vectors_rad: Array, joints_m: Array, axes: Array, bend: Array
) -> tuple[Array, Array, Array, Array]:
    """Where a bend takes the joints of a hand.

    orientation (3, 3) of the wrist, vectors_rad (15, 3) axis-angle of the joints, joints_m
    (16, 3), axes (15, 3, 3) anatomical axes, one a row, bend (51,).

    Returns turns (16, 3, 3) and offsets (16, 3), which take points of the given mesh along with
    the joints; the joints (16, 3) moved; and for each angle, one a row of (15, 3, 3), the turn in
    the camera frame that a small change of it makes.
    """
    given, turned, turns = np.empty((16, 3, 3)), np.empty((16, 3, 3)), np.empty((16, 3, 3))
    moved, offsets = np.empty((16, 3)), np.empty((16, 3))
    angle_turns = np.empty((15, 3, 3))
    local, to_camera, bent, bone = np.empty((3, 3)), np.empty((3, 3)), np.empty(3), np.empty(3)
    for axis in range(3):
        moved[0, axis] = joints_m[0, axis] + bend[3 + axis]
    _copy(orientation, given[0])
    _rotate(bend[:3], local)
    _multiply(local, orientation, turned[0])
    for joint in range(1, 16):
        parent = 0 if joint % 3 == 1 else joint - 1
        vector = vectors_rad[joint - 1]
        _rotate(vector, local)
        _multiply(given[parent], local, given[joint])
        for axis in range(3):
            bent[axis] = vector[axis]
            bone[axis] = joints_m[joint, axis] - joints_m[parent, axis]
            for number in range(3):
                change = bend[3 + 3 * joint + number]
                bent[axis] += change * axes[joint - 1, number, axis]
        _rotate(bent, local)
        _multiply(turned[parent], local, turned[joint])
        _left_jacobian(bent, local)
        _multiply(turned[parent], local, to_camera)
        for number in range(3):
            _turn(to_camera, axes[joint - 1, number], angle_turns[joint - 1, number])
        _multiply_by_transposed(turned[parent], given[parent], local)
        _turn(local, bone, moved[joint])
        for axis in range(3):
            moved[joint, axis] += moved[parent, axis]
    for joint in range(16):
        _multiply_by_transposed(turned[joint], given[joint], turns[joint])
        _turn(turns[joint], joints_m[joint], offsets[joint])
        for axis in range(3):
            offsets[joint, axis] = moved[joint, axis] - offsets[joint, axis]
    return turns, offsets, moved, angle_turns


@compiled
def bone_turns_rad(orientation: Array, vectors_rad: Array, joints_m: Array, rest_m: Array) -> Array:
    """(10,) angles between where a pose points the fingers' upper bones and where they are.

    rest_m (16, 3) are the joints of the model at rest, of any shape.
    """
    angles = np.empty(10)
    given, next_given, local = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    rest, told, found = np.empty(3), np.empty(3), np.empty(3)
    for finger in range(5):
        _copy(orientation, given)
        for level in range(2):
            joint = 1 + 3 * finger + level
            _rotate(vectors_rad[joint - 1], local)
            _multiply(given, local, next_given)
            given, next_given = next_given, given
            for axis in range(3):
                rest[axis] = rest_m[joint + 1, axis] - rest_m[joint, axis]
                found[axis] = joints_m[joint + 1, axis] - joints_m[joint, axis]
            _turn(given, rest, told)
            lengths = np.sqrt(dot(told, told) * dot(found, found))
            cosine = dot(told, found) / max(lengths, 1e-12)
            angles[2 * finger + level] = np.arccos(min(max(cosine, -1.0), 1.0))
    return angles


@compiled
def bent_points(points_m: Array, weights: Array, turns: Array, offsets: Array) -> Array:
    """(N, 3) points moved with (16, 3, 3) and (16, 3) of the joints by (N, 16) weights."""
    moved = np.zeros_like(points_m)
    for point in range(len(points_m)):
        x, y, z = points_m[point]
        for joint in range(16):
            weight = weights[point, joint]
            if weight > 0.0:
                for axis in range(3):
                    row = turns[joint, axis]
                    place = row[0] * x + row[1] * y + row[2] * z + offsets[joint, axis]
                    moved[point, axis] += weight * place
    return moved


@compiled
def mesh_normals(vertices_m: Array, faces: NDArray[np.int64]) -> Array:
    """(V, 3) unit normals of a mesh, the faces around a vertex by their area."""
    normals = np.zeros_like(vertices_m)
    for face in range(len(faces)):
        a, b, c = faces[face]
        ux, uy, uz = (
            vertices_m[b, 0] - vertices_m[a, 0],
            vertices_m[b, 1] - vertices_m[a, 1],
            vertices_m[b, 2] - vertices_m[a, 2],
        )
        vx, vy, vz = (
            vertices_m[c, 0] - vertices_m[a, 0],
            vertices_m[c, 1] - vertices_m[a, 1],
            vertices_m[c, 2] - vertices_m[a, 2],
        )
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in range(3):
            vertex = faces[face, corner]
            normals[vertex, 0] += x
            normals[vertex, 1] += y
            normals[vertex, 2] += z
    for vertex in range(len(normals)):
        length = max(np.sqrt(dot(normals[vertex], normals[vertex])), 1e-12)
        for axis in range(3):
            normals[vertex, axis] /= length
    return normals


@compiled
def dot(first: Array, second: Array) -> float:
    """Scalar product of two (3,) vectors."""
    return float(first[0] * second[0] + first[1] * second[1] + first[2] * second[2])


@compiled
def _rotate(vector: Array, rotation: Array) -> None:
    """Write the (3, 3) rotation of a (3,) axis-angle vector."""
    angle = np.sqrt(dot(vector, vector))
    first = np.sin(angle) / angle if angle > 1e-8 else 1.0
    second = (1.0 - np.cos(angle)) / angle**2 if angle > 1e-4 else 0.5
    _write_series(vector, first, second, rotation)


@compiled
def _left_jacobian(vector: Array, jacobian: Array) -> None:
    """Write the (3, 3) with ``exp(w + dw) = exp(J(w) dw) exp(w)`` to first order."""
    angle = np.sqrt(dot(vector, vector))
    first = (1.0 - np.cos(angle)) / angle**2 if angle > 1e-4 else 0.5
    second = (angle - np.sin(angle)) / angle**3 if angle > 1e-3 else 1.0 / 6.0
    _write_series(vector, first, second, jacobian)


@compiled
def _write_series(vector: Array, first: float, second: float, matrix: Array) -> None:
    """Write identity + first K + second K K, K the cross matrix of a (3,) vector."""
    squared = dot(vector, vector)
    for row in range(3):
        for column in range(3):
            matrix[row, column] = second * vector[row] * vector[column]
        matrix[row, row] += 1.0 - second * squared
    matrix[0, 1] -= first * vector[2]
    matrix[1, 0] += first * vector[2]
    matrix[0, 2] += first * vector[1]
    matrix[2, 0] -= first * vector[1]
    matrix[1, 2] -= first * vector[0]
    matrix[2, 1] += first * vector[0]


@compiled
def _multiply(first: Array, second: Array, product: Array) -> None:
    for row in range(3):
        for column in range(3):
            product[row, column] = (
                first[row, 0] * second[0, column]
                + first[row, 1] * second[1, column]
                + first[row, 2] * second[2, column]
            )


@compiled
def _multiply_by_transposed(first: Array, second: Array, product: Array) -> None:
    for row in range(3):
        for column in range(3):
            product[row, column] = dot(first[row], second[column])


@compiled
def _turn(rotation: Array, vector: Array, turned: Array) -> None:
    for row in range(3):
        turned[row] = dot(rotation[row], vector)


@compiled
def _copy(matrix: Array, copy: Array) -> None:
    for row in range(3):
        for column in range(3):
            copy[row, column] = matrix[row, column]
