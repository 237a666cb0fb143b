"""The damped steps end near the best pose there is within the joint limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from hand_object_recon.hand_model.conventions import JOINT_PARENTS, KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.model import HandModel

TIP_PARENTS = (15, 3, 6, 12, 9)


def keypoints(model: HandModel, parameters: np.ndarray) -> np.ndarray:
    """(21, 3) at mean shape, of wrist turn (3), wrist (3) and anatomical angles (45)."""
    vectors = np.einsum("ja,jac->jc", parameters[6:].reshape(15, 3), model.joint_axes)
    local = Rotation.from_rotvec(np.concatenate([parameters[None, :3], vectors])).as_matrix()
    rest, tips = model.rest_joints_m, model.v_template[model.tip_vertices]
    turned, placed = [local[0]], [parameters[3:6]]
    for joint in range(1, 16):
        parent = JOINT_PARENTS[joint]
        placed.append(placed[parent] + turned[parent] @ (rest[joint] - rest[parent]))
        turned.append(turned[parent] @ local[joint])
    for tip, parent in zip(tips, TIP_PARENTS, strict=True):
        placed.append(placed[parent] + turned[parent] @ (tip - rest[parent]))
    return np.array(placed)[list(KEYPOINTS_FROM_JOINTS_AND_TIPS)]


def test_scipy_finds_hardly_a_better_pose(either: HandModel, known_hands: Callable) -> None:
    """Joints of hands of other shapes, off by 1 mm (s. d.), which the mean hand cannot reach.

    Scipy's bounded least squares starts from the solver's answer.
    """
    solver = InverseKinematics(either, InverseKinematicsOptions(joint_sd_m=1e-3))
    limits = either.joint_limits_rad.reshape(45, 2).astype(np.float64)
    lower, upper = (
        np.concatenate([np.full(6, end), limits[:, side]])
        for side, end in ((0, -np.inf), (1, np.inf))
    )
    spread = (limits[:, 1] - limits[:, 0]) / np.sqrt(12.0)
    hands = known_hands(either, 4, seed=6)
    given = hands.joints_m + np.random.default_rng(6).normal(0.0, 1e-3, (4, 21, 3))
    for joints in given:
        found = solver.solve(joints, shape=np.zeros(10))

        def misfit(parameters: np.ndarray, joints: np.ndarray = joints) -> np.ndarray:
            gaps = (keypoints(either, parameters) - joints) / 1e-3
            return np.concatenate([gaps.ravel(), (parameters[6:] - either.pose_mean_rad) / spread])

        angles = np.einsum("jac,jc->ja", either.joint_axes, found.pose_rad[3:].reshape(15, 3))
        start = np.concatenate([found.pose_rad[:3], found.joints_m[0], angles.ravel()])
        start = np.clip(start, lower + 1e-7, upper - 1e-7)
        np.testing.assert_allclose(keypoints(either, start), found.joints_m, atol=1e-5)
        best = least_squares(misfit, start, bounds=(lower, upper), max_nfev=30)
        assert np.sum(misfit(start) ** 2) < 1.02 * 2.0 * best.cost
        distance = np.linalg.norm(keypoints(either, best.x) - found.joints_m, axis=1)
        assert distance.mean() < 3e-4
