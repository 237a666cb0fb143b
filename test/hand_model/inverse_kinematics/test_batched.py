"""Batches in torch are solved as single hands in NumPy are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.inverse_kinematics.batched import (
    BatchedHandPoseSolution,
    BatchedInverseKinematics,
)
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.model import HandModel

# Both paths take the same steps but for the precision. Now and then one of them stops a step
# before the other, and where joints disagree the cost is flat about its minimum.
SAME_JOINTS_M = 1e-5
ONE_STEP_M = 1e-3
TIGHT = {"tolerance_m": 2e-6, "max_steps": 20}


def joints_of(model: HandModel, found: BatchedHandPoseSolution) -> np.ndarray:
    hands = zip(found.pose_rad, found.shape, found.translation_m, strict=True)
    return np.stack([pose_hand(model, *(part.numpy() for part in hand)).joints_m for hand in hands])


@pytest.mark.parametrize("refine_shape", [False, True])
@pytest.mark.parametrize("is_known", [False, True])
def test_batches_reach_the_joints_single_hands_reach(
    either: HandModel, known_hands: Callable, refine_shape: bool, is_known: bool
) -> None:
    options = InverseKinematicsOptions(refine_shape=refine_shape, **TIGHT)
    hands = known_hands(either, 24)
    joints = hands.joints_m + np.random.default_rng(1).normal(0.0, 1e-3, (24, 21, 3))
    shape = torch.tensor(hands.shape) if is_known else None
    found = BatchedInverseKinematics(either, options)(torch.tensor(joints), shape=shape)
    single = InverseKinematics(either, options)
    shapes = hands.shape if is_known else [None] * 24
    reached = np.stack(
        [single.solve(*hand).joints_m for hand in zip(joints, [None] * 24, shapes, strict=True)]
    )
    distance = np.linalg.norm(found.joints_m.numpy() - reached, axis=2).mean(axis=1)
    assert np.median(distance) < SAME_JOINTS_M
    assert distance.max() < ONE_STEP_M
    assert found.valid.all()
    np.testing.assert_allclose(found.joints_m, joints_of(either, found), atol=1e-5)


def test_joints_of_unknown_hands_are_reached(either: HandModel, known_hands: Callable) -> None:
    hands = known_hands(either, 200)
    found = BatchedInverseKinematics(either)(torch.tensor(hands.joints_m))
    error = np.linalg.norm(joints_of(either, found) - hands.joints_m, axis=2).mean(axis=1)
    assert error.mean() < 5e-5
    assert error.max() < 5e-4
    assert found.converged.all()
    distance = np.linalg.norm(found.joints_m.numpy() - hands.joints_m, axis=2)
    np.testing.assert_allclose(found.residual_m, distance, atol=1e-6)


def test_missing_and_weighted_joints_count_as_in_a_single_hand(
    either: HandModel, known_hands: Callable
) -> None:
    options = InverseKinematicsOptions(**TIGHT)
    hands = known_hands(either, 12)
    random = np.random.default_rng(2)
    joints = hands.joints_m + random.normal(0.0, 1e-3, (12, 21, 3))
    weights = random.uniform(0.2, 1.0, (12, 21))
    weights[::3, [0, 7, 8]] = 0.0
    joints[1::3, 13:17] = np.nan
    found = BatchedInverseKinematics(either, options)(
        torch.tensor(joints), torch.tensor(weights), torch.zeros(10)
    )
    distances = []
    for index in range(12):
        one = InverseKinematics(either, options).solve(joints[index], weights[index], np.zeros(10))
        there = np.isfinite(one.residual_m)
        np.testing.assert_array_equal(torch.isfinite(found.residual_m[index]), there)
        distance = np.linalg.norm(found.joints_m[index].numpy() - one.joints_m, axis=1)
        distances.append(distance[there].mean())
    assert np.median(distances) < SAME_JOINTS_M
    assert np.max(distances) < ONE_STEP_M


def test_hands_whose_wrist_is_open_are_told_and_leave_the_others_alone(
    right: HandModel, known_hands: Callable
) -> None:
    joints = torch.tensor(known_hands(right, 6).joints_m)
    solver = BatchedInverseKinematics(right)
    alone = solver(joints[:2])
    joints[2, [1, 5, 9, 13]] = torch.nan
    joints[3, [0, 1, 5, 9, 13, 17]] = torch.linspace(0.0, 0.1, 6)[:, None]
    joints[4] = 0.0
    joints[5] = torch.nan
    found = solver(joints)
    assert found.valid.tolist() == [True, True, False, False, False, False]
    assert not (found.converged & ~found.valid).any()
    for part in (found.pose_rad, found.shape, found.translation_m, found.joints_m):
        assert part.isfinite().all()
    torch.testing.assert_close(found.joints_m[:2], alone.joints_m, atol=1e-4, rtol=0)


def test_no_gradient_is_kept_and_the_input_stays(right: HandModel, known_hands: Callable) -> None:
    joints = torch.tensor(known_hands(right, 2).joints_m, requires_grad=True)
    before = joints.detach().clone()
    found = BatchedInverseKinematics(right)(joints)
    assert not found.pose_rad.requires_grad
    assert not found.pose_rad.is_inference()
    torch.testing.assert_close(joints.detach(), before, atol=0, rtol=0)
    assert found.pose_rad.dtype == torch.float32


def test_an_empty_batch_gives_an_empty_answer(right: HandModel) -> None:
    found = BatchedInverseKinematics(right)(torch.zeros(0, 21, 3))
    assert found.pose_rad.shape == (0, 48)
    assert found.joints_m.shape == (0, 21, 3)


@pytest.mark.parametrize(
    ("joints", "weights", "shape", "message"),
    [
        (torch.zeros(21, 3), None, None, r"\(21, 3\)"),
        (torch.zeros(2, 21, 3), torch.ones(2, 20), None, r"\(2, 20\)"),
        (torch.zeros(2, 21, 3), -torch.ones(2, 21), None, "negative"),
        (torch.zeros(2, 21, 3), None, torch.zeros(3, 10), r"\(3, 10\)"),
    ],
)
def test_what_cannot_be_solved_is_refused(
    right: HandModel,
    joints: torch.Tensor,
    weights: torch.Tensor | None,
    shape: torch.Tensor | None,
    message: str,
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        BatchedInverseKinematics(right)(joints, weights, shape)


@pytest.mark.gpu
def test_the_solver_runs_where_it_is_moved(right: HandModel, known_hands: Callable) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    joints = torch.tensor(known_hands(right, 8).joints_m)
    solver = BatchedInverseKinematics(right, InverseKinematicsOptions(**TIGHT))
    expected = solver(joints)
    found = solver.to("cuda")(joints.to("cuda"))
    assert found.pose_rad.device.type == "cuda"
    torch.testing.assert_close(found.joints_m.cpu(), expected.joints_m, atol=SAME_JOINTS_M, rtol=0)
