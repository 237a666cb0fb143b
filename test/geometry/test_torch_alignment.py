"""Batches of points are aligned as scipy aligns them one by one, and never by a reflection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.torch_alignment import (
    align_rigid,
    rotation_of_covariance,
    weighted_covariance,
)
from hand_object_recon.geometry.torch_quaternions import quaternion_to_matrix


def pairs(
    seed: int, mirrored: bool, count: int = 40
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy (B, 8, 3) sources and targets in double precision, and (B, 8) weights."""
    random = np.random.default_rng(seed)
    source = random.normal(size=(count, 8, 3))
    turns = Rotation.random(count, random_state=seed).as_matrix()
    target = source @ turns.transpose(0, 2, 1) + random.normal(0.0, 0.1, source.shape)
    if mirrored:
        target = target * np.array([-1.0, 1.0, 1.0])
    weights = random.uniform(0.1, 3.0, (count, 8))
    return torch.tensor(source), torch.tensor(target), torch.tensor(weights)


@pytest.mark.parametrize("mirrored", [False, True])
def test_rotations_are_those_of_scipy(mirrored: bool) -> None:
    source, target, weights = pairs(1, mirrored)
    found = quaternion_to_matrix(
        rotation_of_covariance(weighted_covariance(source, target, weights))
    )
    for index in range(len(source)):
        expected, _ = Rotation.align_vectors(
            *(part[index].numpy() for part in (target, source, weights))
        )
        np.testing.assert_allclose(found[index], expected.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(torch.linalg.det(found), 1.0, atol=1e-12)


def test_motions_are_those_of_scipy_about_the_weighted_means() -> None:
    source, target, weights = pairs(2, mirrored=False)
    source, target = source + 3.0, target - 5.0
    found = align_rigid(source, target, weights)
    for index in range(len(source)):
        share = weights[index].numpy() / weights[index].numpy().sum()
        one, other = source[index].numpy(), target[index].numpy()
        turn, _ = Rotation.align_vectors(other - share @ other, one - share @ one, weights=share)
        expected = (one - share @ one) @ turn.as_matrix().T + share @ other
        np.testing.assert_allclose(found.apply(source)[index], expected, atol=1e-9)
    np.testing.assert_allclose(found.rotation, quaternion_to_matrix(found.quaternion))


def test_a_known_motion_is_recovered_in_single_precision() -> None:
    source, _, weights = (part.float() for part in pairs(3, mirrored=False))
    turns = torch.tensor(Rotation.random(40, random_state=3).as_matrix()).float()
    target = source @ turns.mT + 0.5
    found = align_rigid(source, target, weights)
    torch.testing.assert_close(found.rotation, turns, atol=2e-6, rtol=0)
    torch.testing.assert_close(found.apply(source), target, atol=5e-6, rtol=0)


def test_points_of_no_weight_do_not_count() -> None:
    source, _, weights = pairs(4, mirrored=False)
    target = source + 1.0
    target[:, 0] = 100.0
    weights[:, 0] = 0.0
    found = align_rigid(source, target, weights)
    np.testing.assert_allclose(found.apply(source)[:, 1:], target[:, 1:], atol=1e-9)


def test_points_in_a_plane_are_aligned_by_a_rotation() -> None:
    source, _, weights = pairs(5, mirrored=False)
    source = source * torch.tensor([1.0, 1.0, 0.0])
    turns = torch.tensor(Rotation.random(40, random_state=5).as_matrix())
    found = align_rigid(source, source @ turns.mT, weights)
    np.testing.assert_allclose(found.rotation, turns, atol=1e-9)


def test_without_any_weight_the_motion_is_finite_and_a_rotation() -> None:
    source, target, weights = pairs(6, mirrored=False)
    found = align_rigid(source, target, torch.zeros_like(weights))
    np.testing.assert_allclose(torch.linalg.det(found.rotation), 1.0, atol=1e-12)
    np.testing.assert_array_equal(found.translation, 0.0)
