"""The NumPy rotations agree with SciPy's at every angle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.rotations import (
    axis_angle_to_matrix,
    cross_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    quaternion_to_matrix,
    rotation_and_left_jacobian,
    rotation_between,
)

ANGLES_RAD = [0.0, 1e-12, 1e-8, 1e-6, 3e-6, 1e-4, 1e-2, 1.0, 3.0, np.pi - 1e-4, np.pi - 1e-8]


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("angle_rad", [*ANGLES_RAD, np.pi, 5.0, 40.0])
def test_matrices_of_axis_angle_vectors_are_those_of_scipy(angle_rad: float) -> None:
    vectors = angle_rad * unit_vectors(200, seed=1)
    np.testing.assert_allclose(
        axis_angle_to_matrix(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-13
    )


def test_single_precision_keeps_its_type_and_six_digits() -> None:
    random = np.random.default_rng(2)
    vectors = (unit_vectors(500, seed=2) * 10 ** random.uniform(-8, 0.5, (500, 1))).astype("f4")
    matrices = axis_angle_to_matrix(vectors)
    assert matrices.dtype == np.float32
    expected = Rotation.from_rotvec(vectors.astype(np.float64)).as_matrix()
    np.testing.assert_allclose(matrices, expected, atol=5e-7)


def test_leading_axes_are_kept() -> None:
    vectors = np.random.default_rng(3).normal(size=(4, 5, 3))
    matrices = axis_angle_to_matrix(vectors)
    quaternions = matrix_to_quaternion(matrices)
    assert matrices.shape == (4, 5, 3, 3)
    assert quaternions.shape == (4, 5, 4)
    flat = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    np.testing.assert_allclose(matrices.reshape(-1, 3, 3), flat, atol=1e-13)


def test_the_cross_matrix_takes_the_cross_product() -> None:
    first, second = np.random.default_rng(4).normal(size=(2, 50, 3))
    product = (cross_matrix(first) @ second[..., None])[..., 0]
    np.testing.assert_allclose(product, np.cross(first, second), atol=1e-14)


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
def test_axis_angle_vectors_come_back_from_their_matrices(angle_rad: float) -> None:
    vectors = angle_rad * unit_vectors(200, seed=5)
    np.testing.assert_allclose(
        matrix_to_axis_angle(Rotation.from_rotvec(vectors).as_matrix()), vectors, atol=1e-7
    )


def test_the_axis_of_a_half_turn_is_found_up_to_its_sign() -> None:
    axes = np.concatenate([np.eye(3), -np.eye(3), unit_vectors(100, seed=6)])
    half_turns = 2.0 * axes[:, :, None] * axes[:, None, :] - np.eye(3)
    found = matrix_to_axis_angle(half_turns)
    np.testing.assert_allclose(np.abs(np.sum(found * axes, axis=1)), np.pi, atol=1e-12)


@pytest.mark.parametrize("angle_rad", [*ANGLES_RAD, np.pi])
def test_quaternions_are_those_of_scipy_with_a_non_negative_scalar(angle_rad: float) -> None:
    rotations = Rotation.from_rotvec(angle_rad * unit_vectors(200, seed=7))
    found = matrix_to_quaternion(rotations.as_matrix())
    expected = rotations.as_quat()
    assert np.all(found[:, 3] >= 0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=1)), 1.0, atol=1e-14)


def test_matrices_of_quaternions_are_those_of_scipy() -> None:
    quaternions = np.random.default_rng(8).normal(size=(300, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    np.testing.assert_allclose(
        quaternion_to_matrix(quaternions), Rotation.from_quat(quaternions).as_matrix(), atol=1e-14
    )


@pytest.mark.parametrize("angle_rad", [0.0, 1e-8, 9e-7, 9e-4, 2e-3, 0.3, 1.5, 3.0, np.pi, 4.5])
def test_the_left_jacobian_is_the_derivative_of_the_exponential(angle_rad: float) -> None:
    step = 1e-6
    for vector in angle_rad * unit_vectors(5, seed=9):
        back = Rotation.from_rotvec(vector).inv()
        columns = [
            (
                (Rotation.from_rotvec(vector + step * axis) * back).as_rotvec()
                - (Rotation.from_rotvec(vector - step * axis) * back).as_rotvec()
            )
            / (2 * step)
            for axis in np.eye(3)
        ]
        _, (jacobian,) = rotation_and_left_jacobian(vector[None])
        np.testing.assert_allclose(jacobian, np.stack(columns, axis=1), atol=2e-9)


def test_rotations_come_with_the_jacobian_in_double_and_in_single_precision() -> None:
    vectors = unit_vectors(500, seed=15) * np.logspace(-8, 0.7, 500)[:, None]
    vectors[0] = 0.0
    rotation, jacobian = rotation_and_left_jacobian(vectors)
    expected = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(rotation, expected, atol=1e-9)
    np.testing.assert_allclose(jacobian[0], np.eye(3), atol=1e-9)
    # In single precision 1 - cos(angle) has few digits left below a hundredth of a radian.
    single_rotation, single_jacobian = rotation_and_left_jacobian(vectors.astype(np.float32))
    assert single_rotation.dtype == single_jacobian.dtype == np.float32
    np.testing.assert_allclose(single_rotation, expected, atol=1e-6)
    np.testing.assert_allclose(single_jacobian, jacobian, atol=1e-4)


def test_the_rotation_between_two_vectors_is_the_smallest_that_does_it() -> None:
    random = np.random.default_rng(11)
    sources, targets = random.normal(size=(2, 200, 3))
    rotations = rotation_between(sources, targets)
    turned = (rotations @ sources[..., None])[..., 0]
    along = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    length = np.linalg.norm(sources, axis=1, keepdims=True)
    np.testing.assert_allclose(turned, along * length, atol=1e-12)
    angle = np.arccos(np.sum(along * sources / length, axis=1))
    np.testing.assert_allclose(Rotation.from_matrix(rotations).magnitude(), angle, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e-9, 1e-7, 1e-5])
def test_opposite_vectors_are_turned_by_a_half_turn(offset: float) -> None:
    sources = np.concatenate([np.eye(3), -np.eye(3), unit_vectors(50, seed=12)])
    targets = -sources + offset * unit_vectors(len(sources), seed=13)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    rotations = rotation_between(sources, targets)
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-12)
    # Below one microradian from opposite the axis is chosen freely, which is off by that much.
    np.testing.assert_allclose((rotations @ sources[..., None])[..., 0], targets, atol=2e-6)


def test_a_vector_is_turned_onto_itself_by_the_identity() -> None:
    sources = unit_vectors(50, seed=14)
    rotations = rotation_between(sources, 3.0 * sources)
    np.testing.assert_allclose(rotations, np.tile(np.eye(3), (50, 1, 1)), atol=1e-7)
