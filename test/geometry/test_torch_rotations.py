"""The torch rotations equal the NumPy ones and have gradients at every angle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry import rotations, torch_rotations


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 1e-5, 9e-5, 1.1e-4, 0.01, 1.0, 3.0, np.pi, 7.0])
def test_matrices_equal_the_numpy_ones(angle_rad: float) -> None:
    vectors = np.random.default_rng(1).normal(size=(100, 3))
    vectors *= angle_rad / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = torch_rotations.axis_angle_to_matrix(torch.tensor(vectors)).numpy()
    np.testing.assert_allclose(found, rotations.axis_angle_to_matrix(vectors), atol=1e-13)


@pytest.mark.parametrize("angle_rad", [0.0, 2e-5, 3e-4, 0.5, 3.1])
def test_the_gradient_of_a_rotation_is_right_also_at_zero(angle_rad: float) -> None:
    vectors = np.random.default_rng(2).normal(size=(4, 3))
    vectors *= angle_rad / np.linalg.norm(vectors, axis=1, keepdims=True)
    tensor = torch.tensor(vectors, requires_grad=True)
    assert torch.autograd.gradcheck(torch_rotations.axis_angle_to_matrix, (tensor,))


@pytest.mark.parametrize("angle_rad", [0.0, 2e-5, 2e-4, 1e-3, 0.5, 3.1])
def test_the_gradient_in_single_precision_is_that_in_double(angle_rad: float) -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(50, 3))
    vectors *= angle_rad / np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = random.normal(size=(50, 3, 3))
    gradients = []
    for dtype in (torch.float32, torch.float64):
        tensor = torch.tensor(vectors, dtype=dtype, requires_grad=True)
        matrices = torch_rotations.axis_angle_to_matrix(tensor)
        (matrices * torch.tensor(weights, dtype=dtype)).sum().backward()
        assert tensor.grad is not None
        gradients.append(tensor.grad.numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-5)


def test_the_cross_matrix_equals_the_numpy_one() -> None:
    vectors = np.random.default_rng(4).normal(size=(2, 7, 3))
    found = torch_rotations.cross_matrix(torch.tensor(vectors)).numpy()
    np.testing.assert_array_equal(found, rotations.cross_matrix(vectors))


def test_six_numbers_give_a_rotation_back_exactly() -> None:
    matrices = torch.tensor(Rotation.random(200, random_state=5).as_matrix())
    six = torch_rotations.matrix_to_rotation_6d(matrices)
    assert six.shape == (200, 6)
    torch.testing.assert_close(six[:, :3], matrices[:, :, 0])
    torch.testing.assert_close(
        torch_rotations.rotation_6d_to_matrix(six), matrices, atol=1e-12, rtol=0
    )


def test_any_six_numbers_give_a_rotation_whose_first_column_points_along_the_first_three() -> None:
    six = torch.tensor(np.random.default_rng(6).normal(size=(3, 50, 6)))
    matrices = torch_rotations.rotation_6d_to_matrix(six)
    identity = torch.eye(3, dtype=six.dtype).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.mT, identity)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(3, 50, dtype=six.dtype))
    length = six[..., :3].norm(dim=-1, keepdim=True)
    torch.testing.assert_close(matrices[..., 0] * length, six[..., :3])


def test_the_gradient_of_the_six_number_form_is_right() -> None:
    six = torch.tensor(np.random.default_rng(7).normal(size=(4, 6)), requires_grad=True)
    assert torch.autograd.gradcheck(torch_rotations.rotation_6d_to_matrix, (six,))
