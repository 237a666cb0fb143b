"""Quaternions in torch are scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.torch_quaternions import (
    axis_angle_to_quaternion,
    quaternion_product,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
)


@pytest.fixture
def rotations() -> Rotation:
    """Any angle, among them none, very small ones and half a turn."""
    random = np.random.default_rng(1)
    axes = random.normal(size=(200, 3))
    angles = random.uniform(0.0, np.pi, 200)
    angles[:4] = 0.0, 1e-9, 1e-4, np.pi
    return Rotation.from_rotvec(
        axes / np.linalg.norm(axes, axis=1, keepdims=True) * angles[:, None]
    )


def test_axis_angle_becomes_the_quaternion_of_scipy(rotations: Rotation) -> None:
    found = quaternion_to_matrix(axis_angle_to_quaternion(torch.tensor(rotations.as_rotvec())))
    np.testing.assert_allclose(found, rotations.as_matrix(), atol=1e-12)


def test_a_quaternion_of_either_sign_becomes_its_axis_angle(rotations: Rotation) -> None:
    for sign in (1.0, -1.0):
        vectors = quaternion_to_axis_angle(torch.tensor(sign * rotations.as_quat()))
        assert torch.linalg.vector_norm(vectors, dim=-1).max() <= np.pi + 1e-12
        back = Rotation.from_rotvec(vectors.numpy())
        assert (back.inv() * rotations).magnitude().max() < 1e-8


def test_a_product_turns_by_the_second_and_then_the_first(rotations: Rotation) -> None:
    others = rotations[::-1]
    found = quaternion_product(torch.tensor(rotations.as_quat()), torch.tensor(others.as_quat()))
    expected = (rotations * others).as_matrix()
    np.testing.assert_allclose(quaternion_to_matrix(found), expected, atol=1e-12)
