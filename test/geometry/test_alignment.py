"""Alignment finds the least-squares similarity, and never a reflection."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.alignment import Similarity, align, nearest_rotation


def weighted_error(
    found: Similarity, source: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> float:
    return float(weights @ np.square(found.apply(source) - target).sum(axis=1))


def test_a_known_similarity_is_recovered() -> None:
    random = np.random.default_rng(1)
    for seed in range(20):
        source = random.normal(size=(21, 3))
        rotation = Rotation.random(random_state=seed).as_matrix()
        scale, translation = random.uniform(0.2, 5.0), random.normal(size=3)
        found = align(source, scale * source @ rotation.T + translation)
        np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
        np.testing.assert_allclose(found.translation, translation, atol=1e-12)
        assert found.scale == pytest.approx(scale, rel=1e-12)


def test_a_rigid_motion_keeps_the_scale_at_one() -> None:
    source = np.random.default_rng(2).normal(size=(10, 3))
    found = align(source, 3.0 * source, with_scale=False)
    assert found.scale == 1.0
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("with_weights", [False, True])
def test_the_rotation_is_that_of_scipy(mirrored: bool, with_weights: bool) -> None:
    random = np.random.default_rng(3)
    for seed in range(20):
        source = random.normal(size=(15, 3))
        target = source @ Rotation.random(random_state=seed).as_matrix().T
        target += random.normal(0.0, 0.1, (15, 3))
        if mirrored:
            target = target * np.array([-1.0, 1.0, 1.0])
        weights = random.uniform(0.1, 3.0, 15) if with_weights else None
        share = np.ones(15) if weights is None else weights
        share = share / share.sum()
        expected, _ = Rotation.align_vectors(
            target - share @ target, source - share @ source, weights=share
        )
        for with_scale in (False, True):
            found = align(source, target, weights, with_scale=with_scale)
            np.testing.assert_allclose(found.rotation, expected.as_matrix(), atol=1e-9)
            assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_no_similarity_nearby_fits_better() -> None:
    random = np.random.default_rng(4)
    source, target = random.normal(size=(2, 12, 3))
    weights = random.uniform(0.1, 3.0, 12)
    best = align(source, target, weights)
    least = weighted_error(best, source, target, weights)
    for size in (1e-3, 1e-1):
        for _ in range(100):
            turn = Rotation.from_rotvec(random.normal(0.0, size, 3)).as_matrix()
            other = Similarity(
                turn @ best.rotation,
                best.translation + random.normal(0.0, size, 3),
                best.scale * float(np.exp(random.normal(0.0, size))),
            )
            assert weighted_error(other, source, target, weights) > least
    for factor in (0.999, 1.001):
        other = Similarity(best.rotation, best.translation, best.scale * factor)
        assert weighted_error(other, source, target, weights) > least


def test_points_of_no_weight_do_not_count() -> None:
    random = np.random.default_rng(5)
    source = random.normal(size=(9, 3))
    target = 2.0 * source + 1.0
    target[0] = 100.0
    weights = np.ones(9)
    weights[0] = 0.0
    found = align(source, target, weights)
    np.testing.assert_allclose(found.apply(source[1:]), target[1:], atol=1e-12)


def test_points_in_a_plane_are_aligned_by_a_rotation() -> None:
    random = np.random.default_rng(6)
    source = random.normal(size=(10, 3)) * np.array([1.0, 1.0, 0.0])
    rotation = Rotation.from_rotvec([0.3, -2.0, 1.0]).as_matrix()
    found = align(source, source @ rotation.T)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)


def test_coinciding_points_give_a_proper_rotation_at_scale_one() -> None:
    found = align(np.ones((5, 3)), np.full((5, 3), 4.0))
    assert found.scale == 1.0
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(found.apply(np.ones((5, 3))), 4.0, atol=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_rotation_nearest_to_a_covariance_is_that_of_scipy(mirrored: bool) -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        source, target = random.normal(size=(2, 5, 3))
        if mirrored:
            target = source * np.array([-1.0, 1.0, 1.0])
        expected, _ = Rotation.align_vectors(target, source)
        found = nearest_rotation(target.T @ source)
        np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-9)
