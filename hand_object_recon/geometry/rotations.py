"""Rotations in NumPy: axis-angle, matrices, quaternions, and the Jacobian between them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_SMALL_ANGLE_RAD = 1e-6
_SMALL_SQUARED_ANGLE = 1e-6
_TINY_SQUARED_ANGLE = 1e-16


def _products_to_rotation_minus_identity() -> NDArray[np.float64]:
    """The rotation matrix of a unit quaternion (Diebel, "Representing Attitude", 2006)."""
    x, y, z, w = range(4)
    terms = {
        (0, 0): ((y, y, -2), (z, z, -2)),
        (0, 1): ((x, y, 2), (z, w, -2)),
        (0, 2): ((x, z, 2), (y, w, 2)),
        (1, 0): ((x, y, 2), (z, w, 2)),
        (1, 1): ((x, x, -2), (z, z, -2)),
        (1, 2): ((y, z, 2), (x, w, -2)),
        (2, 0): ((x, z, 2), (y, w, -2)),
        (2, 1): ((y, z, 2), (x, w, 2)),
        (2, 2): ((x, x, -2), (y, y, -2)),
    }
    linear = np.zeros((4, 4, 3, 3))
    for (row, column), products in terms.items():
        for first, second, factor in products:
            linear[first, second, row, column] = factor
    return linear.reshape(16, 9)


PRODUCTS_TO_ROTATION_MINUS_IDENTITY: Final = _products_to_rotation_minus_identity()
"""(16, 9) from the products of a unit quaternion's x, y, z, w with each other to the rows of its
rotation matrix minus identity, exact for small rotations too."""


def cross_matrix(vectors: FloatArray) -> FloatArray:
    """(..., 3) vectors to (..., 3, 3) matrices with ``cross_matrix(a) @ b == cross(a, b)``."""
    matrices = np.zeros((*vectors.shape, 3), dtype=vectors.dtype)
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    matrices[..., 0, 1], matrices[..., 0, 2] = -z, y
    matrices[..., 1, 0], matrices[..., 1, 2] = z, -x
    matrices[..., 2, 0], matrices[..., 2, 1] = -y, x
    return matrices


def axis_angle_to_matrix(rotation_rad: FloatArray) -> FloatArray:
    """(..., 3) axis times angle in radians to (..., 3, 3) rotations (Rodrigues' formula)."""
    angle, first, second = _rodrigues_factors(rotation_rad)
    del angle
    cross = cross_matrix(rotation_rad)
    identity = np.eye(3, dtype=rotation_rad.dtype)
    return identity + first * cross + second * (cross @ cross)


def axis_angle_to_quaternion(rotation_rad: FloatArray) -> FloatArray:
    """(..., 3) axis times angle in radians to (..., 4) unit quaternions x, y, z, w."""
    half = 0.5 * rotation_rad
    squared = (half * half).sum(axis=-1, keepdims=True)
    half_angle = np.sqrt(squared + half.dtype.type(_TINY_SQUARED_ANGLE))
    quaternion = np.empty((*half.shape[:-1], 4), dtype=half.dtype)
    np.multiply(half, np.sin(half_angle) / half_angle, out=quaternion[..., :3])
    np.cos(half_angle, out=quaternion[..., 3:])
    return quaternion


def rotation_and_left_jacobian(rotation_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of (N, 3) axis-angle vectors, (N, 3, 3) rotations and left Jacobians of SO(3).

    ``exp(w + dw) = exp(J(w) dw) exp(w)`` to first order (Sola et al., "A micro Lie theory",
    equation 145).
    """
    squared = np.einsum("nc,nc->n", rotation_rad, rotation_rad)
    squared = np.maximum(squared, _SMALL_SQUARED_ANGLE)[:, None, None]
    angle = np.sqrt(squared)
    sine = np.sin(angle)
    first = sine / angle
    second = (1.0 - np.cos(angle)) / squared
    third = (1.0 - first) / squared
    cross = cross_matrix(rotation_rad)
    crossed = cross @ cross
    identity = np.eye(3, dtype=rotation_rad.dtype)
    rotation = identity + first * cross + second * crossed
    return rotation, identity + second * cross + third * crossed


def matrix_to_quaternion(rotations: FloatArray) -> FloatArray:
    """(..., 3, 3) rotations to (..., 4) unit quaternions x, y, z, w with w >= 0.

    Each quaternion is read off the column of the symmetric 4x4 form with the largest diagonal,
    which keeps full precision at every angle (Markley, 2008).
    """
    m = rotations
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    form = np.empty((*m.shape[:-2], 4, 4), dtype=m.dtype)
    for i in range(3):
        form[..., i, i] = 1.0 + 2.0 * m[..., i, i] - trace
    form[..., 3, 3] = 1.0 + trace
    form[..., 0, 1] = form[..., 1, 0] = m[..., 0, 1] + m[..., 1, 0]
    form[..., 0, 2] = form[..., 2, 0] = m[..., 0, 2] + m[..., 2, 0]
    form[..., 1, 2] = form[..., 2, 1] = m[..., 1, 2] + m[..., 2, 1]
    form[..., 0, 3] = form[..., 3, 0] = m[..., 2, 1] - m[..., 1, 2]
    form[..., 1, 3] = form[..., 3, 1] = m[..., 0, 2] - m[..., 2, 0]
    form[..., 2, 3] = form[..., 3, 2] = m[..., 1, 0] - m[..., 0, 1]
    best = np.argmax(np.diagonal(form, axis1=-2, axis2=-1), axis=-1)
    column = np.take_along_axis(form, best[..., None, None], axis=-1)[..., 0]
    quaternion = column / np.linalg.norm(column, axis=-1, keepdims=True)
    return np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)


def quaternion_to_matrix(quaternions: FloatArray) -> FloatArray:
    """(..., 4) unit quaternions x, y, z, w to (..., 3, 3) rotations."""
    vector, scalar = quaternions[..., :3], quaternions[..., 3:, None]
    cross = cross_matrix(vector)
    rotations: FloatArray = np.eye(3) + 2.0 * (scalar * cross + cross @ cross)
    return rotations


def matrix_to_axis_angle(rotations: FloatArray) -> FloatArray:
    """(..., 3, 3) rotations to (..., 3) axis times angle, the angle in [0, pi] radians."""
    quaternion = matrix_to_quaternion(rotations)
    vector, scalar = quaternion[..., :3], quaternion[..., 3:]
    sine = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, scalar)
    scale = np.where(sine < _SMALL_ANGLE_RAD, 2.0, angle / np.maximum(sine, 1e-12))
    axis_angle: FloatArray = vector * scale
    return axis_angle


def rotation_between(sources: FloatArray, targets: FloatArray) -> FloatArray:
    """(..., 3, 3) smallest rotations that turn (..., 3) ``sources`` onto ``targets``."""
    source = sources / np.linalg.norm(sources, axis=-1, keepdims=True)
    target = targets / np.linalg.norm(targets, axis=-1, keepdims=True)
    axis = np.cross(source, target)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    cosine = np.sum(source * target, axis=-1, keepdims=True)
    fallback = _any_perpendicular(source)
    unit = np.where(sine < _SMALL_ANGLE_RAD, fallback, axis / np.maximum(sine, 1e-12))
    return axis_angle_to_matrix(unit * np.arctan2(sine, cosine))


def _rodrigues_factors(rotation_rad: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Angle, sin(a)/a and (1 - cos(a))/a^2, each (..., 1, 1), safe at zero."""
    squared = np.sum(rotation_rad * rotation_rad, axis=-1)[..., None, None]
    angle = np.sqrt(squared)
    safe = np.maximum(angle, _SMALL_ANGLE_RAD)
    first = np.where(angle < _SMALL_ANGLE_RAD, 1.0 - squared / 6.0, np.sin(angle) / safe)
    half_sine = np.sin(0.5 * angle) / safe
    second = np.where(angle < _SMALL_ANGLE_RAD, 0.5, 2.0 * half_sine * half_sine)
    return angle, first.astype(rotation_rad.dtype), second.astype(rotation_rad.dtype)


def _any_perpendicular(unit: FloatArray) -> FloatArray:
    """(..., 3) unit vectors at right angles to ``unit``."""
    least = np.eye(3, dtype=unit.dtype)[np.argmin(np.abs(unit), axis=-1)]
    perpendicular = np.cross(unit, least)
    length = np.linalg.norm(perpendicular, axis=-1, keepdims=True)
    return np.asarray(perpendicular / length)
