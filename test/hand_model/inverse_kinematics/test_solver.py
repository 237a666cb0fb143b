"""The solver finds the pose of one hand, as well as its joints tell it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model import inverse_kinematics
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import (
    HandPoseSolution,
    InverseKinematics,
)
from hand_object_recon.hand_model.model import HandModel

TENTH_OF_A_MM = 1e-4
NOISE_M = 2e-3


def joints_of(model: HandModel, found: HandPoseSolution) -> np.ndarray:
    return pose_hand(model, found.pose_rad, found.shape, found.translation_m).joints_m


def mean_error_m(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected, axis=-1).mean())


def anatomical_angles(model: HandModel, pose_rad: np.ndarray) -> np.ndarray:
    return np.einsum("jac,jc->ja", model.joint_axes, pose_rad[3:].reshape(15, 3))


@pytest.mark.parametrize("refine_shape", [False, True])
def test_joints_of_an_unknown_hand_are_reached(
    either: HandModel, known_hands: Callable, refine_shape: bool
) -> None:
    solver = InverseKinematics(either, InverseKinematicsOptions(refine_shape=refine_shape))
    hands = known_hands(either, 60)
    errors = [mean_error_m(joints_of(either, solver.solve(j)), j) for j in hands.joints_m]
    assert np.mean(errors) < 0.5 * TENTH_OF_A_MM
    assert np.max(errors) < 3.0 * TENTH_OF_A_MM


def test_joints_of_a_known_hand_are_reached(either: HandModel, known_hands: Callable) -> None:
    solver = InverseKinematics(either)
    hands = known_hands(either, 60)
    errors = []
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        found = solver.solve(joints, shape=shape)
        np.testing.assert_array_equal(found.shape, shape)
        errors.append(mean_error_m(joints_of(either, found), joints))
    assert np.mean(errors) < 0.3 * TENTH_OF_A_MM


def test_orientation_and_wrist_are_recovered(either: HandModel, known_hands: Callable) -> None:
    solver = InverseKinematics(either)
    hands = known_hands(either, 20)
    for pose, shape, where, joints in zip(*hands, strict=True):
        found = solver.solve(joints, shape=shape)
        expected = pose_hand(either, pose, shape, where)
        posed = pose_hand(either, found.pose_rad, found.shape, found.translation_m)
        np.testing.assert_allclose(posed.wrist_pose, expected.wrist_pose, atol=2e-3)


def test_what_is_told_of_the_joints_reached_is_so(either: HandModel, known_hands: Callable) -> None:
    random = np.random.default_rng(3)
    for joints in known_hands(either, 10).joints_m:
        given = joints + random.normal(0.0, NOISE_M, joints.shape)
        found = InverseKinematics(either).solve(given)
        reached = joints_of(either, found)
        np.testing.assert_allclose(found.joints_m, reached, atol=5e-6)
        distance = np.linalg.norm(reached - given, axis=1)
        np.testing.assert_allclose(found.residual_m, distance, atol=1e-5)


def test_angles_stay_within_the_joint_limits(either: HandModel, known_hands: Callable) -> None:
    """Also where the joints ask for more: noise of a centimetre."""
    limits = either.joint_limits_rad
    random = np.random.default_rng(4)
    at_limit = 0
    for joints in known_hands(either, 20).joints_m:
        found = InverseKinematics(either).solve(joints + random.normal(0.0, 0.01, joints.shape))
        angles = anatomical_angles(either, found.pose_rad)
        assert np.all(angles > limits[..., 0] - 1e-5)
        assert np.all(angles < limits[..., 1] + 1e-5)
        at_limit += (
            np.isclose(angles, limits[..., 0]).sum() + np.isclose(angles, limits[..., 1]).sum()
        )
    assert at_limit > 20


@pytest.mark.parametrize("joint_sd_m", [1e-4, NOISE_M])
def test_noise_is_not_made_worse(
    either: HandModel, known_hands: Callable, joint_sd_m: float
) -> None:
    """Joints off by 2 mm (s. d.): the clean joints are met at least as well as the given ones
    meet them, and better where the noise is told."""
    options = InverseKinematicsOptions(joint_sd_m=joint_sd_m, refine_shape=True)
    solver = InverseKinematics(either, options)
    random = np.random.default_rng(5)
    noise, error = [], []
    for joints in known_hands(either, 60).joints_m:
        given = joints + random.normal(0.0, NOISE_M, joints.shape)
        noise.append(mean_error_m(given, joints))
        error.append(mean_error_m(solver.solve(given).joints_m, joints))
    assert np.mean(error) < np.mean(noise)
    if joint_sd_m == NOISE_M:
        assert np.mean(error) < 0.85 * np.mean(noise)


def test_twist_that_no_joint_tells_is_the_preferred_one(
    either: HandModel, known_hands: Callable
) -> None:
    """Nothing lies beyond the last bones, so nothing tells how they are turned about themselves."""
    preferred = either.pose_mean_rad.reshape(15, 3)[2::3, 2]
    for joints in known_hands(either, 10).joints_m:
        found = InverseKinematics(either).solve(joints)
        twist = anatomical_angles(either, found.pose_rad)[2::3, 2]
        np.testing.assert_allclose(twist, preferred, atol=np.radians(2.5))


def test_missing_joints_leave_the_others_as_exact(either: HandModel, known_hands: Callable) -> None:
    """A finger without its last two joints, one without any, and no wrist: NaN or no weight."""
    solver = InverseKinematics(either)
    missing = [0, 7, 8, 13, 14, 15, 16]
    there = [index for index in range(21) if index not in missing]
    hands = known_hands(either, 30)
    errors = []
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        unseen = joints.copy()
        unseen[missing] = np.nan
        weights = np.ones(21)
        weights[missing] = 0.0
        by_nan = solver.solve(unseen, shape=shape)
        by_weight = solver.solve(joints + np.where(weights > 0, 0.0, 1.0)[:, None], weights, shape)
        np.testing.assert_allclose(by_nan.pose_rad, by_weight.pose_rad, atol=1e-9)
        assert np.isnan(by_nan.residual_m[missing]).all()
        assert np.isfinite(by_nan.pose_rad).all()
        errors.append(mean_error_m(by_nan.joints_m[there], joints[there]))
        np.testing.assert_allclose(by_nan.joints_m[[0, 13]], joints[[0, 13]], atol=1e-3)
    assert np.mean(errors) < TENTH_OF_A_MM


def test_a_finger_nobody_saw_takes_the_mean_pose(either: HandModel, known_hands: Callable) -> None:
    hands = known_hands(either, 5)
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        joints[13:17] = np.nan
        found = InverseKinematics(either).solve(joints, shape=shape)
        angles = anatomical_angles(either, found.pose_rad)
        preferred = either.pose_mean_rad.reshape(15, 3)
        np.testing.assert_allclose(angles[9:12], preferred[9:12], atol=1e-3)


def test_a_joint_of_little_weight_gives_way(right: HandModel, known_hands: Callable) -> None:
    """The wrist's joint is 10 mm off; trusted less, it pulls the palm less."""
    joints = known_hands(right, 1).joints_m[0].astype(np.float64)
    joints[0] += [0.0, 0.0, 0.01]
    residuals = []
    for weight in (1.0, 0.1, 0.01):
        weights = np.ones(21)
        weights[0] = weight
        found = InverseKinematics(right).solve(joints, weights, np.zeros(10))
        residuals.append(found.residual_m[0])
    assert residuals[0] < residuals[1] < residuals[2]


def test_the_left_hand_is_the_right_hand_mirrored(
    right: HandModel, left: HandModel, known_hands: Callable
) -> None:
    joints = known_hands(right, 1).joints_m[0]
    one = InverseKinematics(right).solve(joints)
    other = InverseKinematics(left).solve(joints * np.array([-1.0, 1.0, 1.0]))
    np.testing.assert_allclose(other.joints_m, one.joints_m * np.array([-1.0, 1.0, 1.0]), atol=1e-6)
    np.testing.assert_allclose(other.shape, one.shape, atol=1e-4)


def test_three_joints_of_the_palm_are_enough(right: HandModel, known_hands: Callable) -> None:
    hands = known_hands(right, 5)
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        given = np.full((21, 3), np.nan)
        given[[0, 5, 17]] = joints[[0, 5, 17]]
        found = InverseKinematics(right).solve(given, shape=shape)
        np.testing.assert_allclose(found.joints_m[[0, 5, 9, 17]], joints[[0, 5, 9, 17]], atol=1e-4)


def test_a_wrist_that_the_joints_leave_open_is_refused(
    right: HandModel, known_hands: Callable
) -> None:
    joints = known_hands(right, 1).joints_m[0]
    solver = InverseKinematics(right)
    two = joints.copy()
    two[[1, 5, 9, 13]] = np.nan
    with pytest.raises(InvalidValueError, match="only 2 joints of the palm"):
        solver.solve(two)
    line = joints.copy()
    line[[0, 1, 5, 9, 13, 17]] = np.linspace(0.0, 0.1, 6)[:, None]
    with pytest.raises(InvalidValueError, match="of a line"):
        solver.solve(line)
    with pytest.raises(InvalidValueError, match="of a line"):
        solver.solve(np.zeros((21, 3)))


@pytest.mark.parametrize(
    ("joints", "weights", "shape", "message"),
    [
        (np.zeros((20, 3)), None, None, r"\(20, 3\)"),
        (np.zeros((2, 21, 3)), None, None, "BatchedInverseKinematics"),
        (np.full((21, 3), np.inf), None, None, "infinite"),
        (np.zeros((21, 3)), np.ones(20), None, r"\(20,\)"),
        (np.zeros((21, 3)), -np.ones(21), None, "negative"),
        (np.zeros((21, 3)), np.full(21, np.nan), None, "finite"),
        (np.eye(21, 3), None, np.zeros(9), r"\(9,\)"),
    ],
)
def test_what_cannot_be_solved_is_refused(
    right: HandModel,
    joints: np.ndarray,
    weights: np.ndarray | None,
    shape: np.ndarray | None,
    message: str,
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        InverseKinematics(right).solve(joints, weights, shape)


@pytest.mark.parametrize("name", ["joint_sd_m", "max_steps", "tolerance_m"])
def test_an_option_that_is_not_above_zero_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match=f"{name} is 0"):
        InverseKinematicsOptions(**{name: 0})


def test_the_single_path_does_without_torch() -> None:
    folder = Path(inverse_kinematics.__file__).parent
    names = {
        "options",
        "skeleton",
        "observation",
        "bone_shape",
        "swing",
        "refine",
        "solver",
    }
    for name in names:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        imported = [
            node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert not [module for module in imported if "torch" in str(module)]


def test_recorded_joints_are_met_within_four_millimetres(
    right: HandModel, reference_data: Path
) -> None:
    with np.load(reference_data / "data" / "real_hand" / "ground_truth.npz") as truth:
        frames = truth["joints"][::5]
    solver = InverseKinematics(right, InverseKinematicsOptions(joint_sd_m=1e-3))
    common = solver.fit_shape(frames)
    for shape in (common, None):
        errors = [solver.solve(joints, shape=shape).residual_m.mean() for joints in frames]
        assert np.mean(errors) < 4e-3
