"""The shape is found from lengths that do not change with the pose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares

from hand_object_recon.hand_model.inverse_kinematics.bone_shape import LengthShape, rigid_lengths
from hand_object_recon.hand_model.inverse_kinematics.skeleton import RIGID_PAIRS, KinematicSkeleton
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.model import HandModel

SD_M = 1e-3


def lengths_of(skeleton: KinematicSkeleton, shape: np.ndarray) -> np.ndarray:
    rest = skeleton.rest_keypoints_m(shape)
    first, second = RIGID_PAIRS
    return np.linalg.norm(rest[second] - rest[first], axis=1)


def test_no_pose_changes_the_lengths(either: HandModel, known_hands: Callable) -> None:
    skeleton = KinematicSkeleton.of(either)
    hands = known_hands(either, 10)
    lengths, weights = rigid_lengths(hands.joints_m, np.ones((10, 21)))
    expected = np.stack([lengths_of(skeleton, shape) for shape in hands.shape])
    np.testing.assert_allclose(lengths, expected, atol=5e-6)
    np.testing.assert_array_equal(weights, 1.0)


def test_the_shape_is_the_most_probable_one(either: HandModel) -> None:
    """Scipy minimises lengths' misfit and prior together, from several shapes and noisy lengths."""
    skeleton = KinematicSkeleton.of(either)
    random = np.random.default_rng(1)
    for _ in range(5):
        given = lengths_of(skeleton, random.normal(size=10)) + random.normal(0.0, SD_M, 30)
        weights = random.uniform(0.2, 1.0, 30)

        def misfit(shape: np.ndarray, given: np.ndarray = given) -> np.ndarray:
            gaps = (lengths_of(skeleton, shape) - given) / (np.sqrt(2.0) * SD_M)
            return np.concatenate([np.sqrt(weights) * gaps, shape])  # noqa: B023

        expected = least_squares(misfit, np.zeros(10)).x
        found = LengthShape(skeleton, SD_M).fit(given, weights)
        assert np.sum(misfit(found) ** 2) < 1.01 * np.sum(misfit(expected) ** 2)
        np.testing.assert_allclose(found, expected, atol=0.1)


def test_exact_lengths_are_met(either: HandModel) -> None:
    skeleton = KinematicSkeleton.of(either)
    random = np.random.default_rng(2)
    for _ in range(20):
        given = lengths_of(skeleton, random.normal(size=10))
        found = LengthShape(skeleton, 1e-5).fit(given, np.ones(30))
        np.testing.assert_allclose(lengths_of(skeleton, found), given, atol=2e-5)


def test_without_any_length_the_shape_is_the_mean(right: HandModel) -> None:
    found = LengthShape(KinematicSkeleton.of(right), SD_M).fit(np.full(30, 0.1), np.zeros(30))
    np.testing.assert_array_equal(found, 0.0)


def test_a_length_weighs_as_its_ends_do() -> None:
    weights = np.ones(21)
    weights[0], weights[2] = 0.0, 0.25
    _, shares = rigid_lengths(np.zeros((21, 3)), weights)
    first, second = RIGID_PAIRS
    np.testing.assert_array_equal(shares[(first == 0) | (second == 0)], 0.0)
    np.testing.assert_allclose(shares[(first == 2) | (second == 2)], 0.4)
    np.testing.assert_array_equal(shares[(first == 9) & (second == 10)], 1.0)


def test_one_shape_is_fitted_to_many_frames(either: HandModel, known_hands: Callable) -> None:
    """Each frame's joints are off by 2 mm (s. d.); together they tell the hand's bones better."""
    skeleton = KinematicSkeleton.of(either)
    solver = InverseKinematics(either)
    hands = known_hands(either, 40)
    random = np.random.default_rng(3)
    shape = random.normal(size=10)
    joints = np.stack(
        [solver.solve(joints, shape=shape).joints_m for joints in hands.joints_m]
    ) + random.normal(0.0, 2e-3, (40, 21, 3))
    joints[3, 5] = np.nan
    expected = lengths_of(skeleton, shape)
    together = lengths_of(skeleton, solver.fit_shape(joints)) - expected
    alone = lengths_of(skeleton, solver.fit_shape(joints[:1])) - expected
    assert np.abs(together).mean() < 0.5 * np.abs(alone).mean()
    assert np.abs(together).max() < 2e-3
