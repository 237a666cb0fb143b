"""The analytic solution points every bone at its joint with the smallest turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_recon.hand_model.conventions import JOINT_PARENTS, KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.inverse_kinematics.skeleton import KinematicSkeleton
from hand_object_recon.hand_model.inverse_kinematics.swing import (
    PAPER_KNUCKLES,
    RELEASED_KNUCKLES,
    SwingPose,
    swing_pose,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_swing import swing_pose as batched_swing
from hand_object_recon.hand_model.model import HandModel

BONE_ENDS = [
    (start, start + 1) for knuckle in (1, 5, 9, 13, 17) for start in range(knuckle, knuckle + 3)
]
MODEL_JOINT_OF_KEYPOINT = dict(enumerate(KEYPOINTS_FROM_JOINTS_AND_TIPS))


def template_of(model: HandModel, shape: np.ndarray) -> np.ndarray:
    return KinematicSkeleton.of(model).rest_keypoints_m(shape)


def test_every_bone_points_from_where_it_hangs_to_its_joint(
    either: HandModel, known_hands: Callable
) -> None:
    hands = known_hands(either, 20)
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        template = template_of(either, shape)
        found = swing_pose(template, joints, knuckles=RELEASED_KNUCKLES)
        for start, end in BONE_ENDS:
            joint = MODEL_JOINT_OF_KEYPOINT[start]
            bone = found.rotations[joint] @ (template[end] - template[start])
            wanted = joints[end] - found.positions_m[joint]
            cosine = bone @ wanted / np.linalg.norm(bone) / np.linalg.norm(wanted)
            assert cosine > 1.0 - 1e-9


def test_joints_of_the_template_are_reached_exactly(
    either: HandModel, known_hands: Callable
) -> None:
    """A hand of the template's own bones leaves nothing for the bones to miss."""
    hands = known_hands(either, 10)
    for joints, shape in zip(hands.joints_m.astype(np.float64), hands.shape, strict=True):
        found = swing_pose(template_of(either, shape), joints)
        order = [index for index in KEYPOINTS_FROM_JOINTS_AND_TIPS if index < 16]
        is_joint = [index < 16 for index in KEYPOINTS_FROM_JOINTS_AND_TIPS]
        np.testing.assert_allclose(found.positions_m[order], joints[is_joint], atol=2e-6)


def test_turns_have_no_twist_about_the_bone(right: HandModel, known_hands: Callable) -> None:
    hands = known_hands(right, 10)
    for joints, shape in zip(hands.joints_m, hands.shape, strict=True):
        template = template_of(right, shape)
        found = swing_pose(template, joints)
        for start, end in BONE_ENDS:
            vector = Rotation.from_matrix(
                found.local_rotations[MODEL_JOINT_OF_KEYPOINT[start]]
            ).as_rotvec()
            bone = (template[end] - template[start]) / np.linalg.norm(
                template[end] - template[start]
            )
            assert abs(vector @ bone) < 1e-6


@pytest.mark.parametrize("knuckles", [PAPER_KNUCKLES, RELEASED_KNUCKLES])
def test_the_palm_turns_as_scipy_aligns_its_knuckles(
    right: HandModel, known_hands: Callable, knuckles: tuple[int, ...]
) -> None:
    hands = known_hands(right, 20)
    random = np.random.default_rng(2)
    for joints in hands.joints_m:
        noisy = joints + random.normal(0.0, 0.005, joints.shape)
        template = template_of(right, np.zeros(10))
        chosen = list(knuckles)
        expected, _ = Rotation.align_vectors(noisy[chosen] - noisy[0], template[chosen])
        found = swing_pose(template, noisy, knuckles=knuckles)
        np.testing.assert_allclose(found.rotations[0], expected.as_matrix(), atol=1e-6)


def test_local_rotations_chain_to_those_in_the_camera(
    left: HandModel, known_hands: Callable
) -> None:
    hands = known_hands(left, 3)
    for joints in hands.joints_m:
        found = swing_pose(template_of(left, np.zeros(10)), joints)
        for joint in range(1, 16):
            parent = found.rotations[JOINT_PARENTS[joint]]
            np.testing.assert_allclose(
                found.rotations[joint], parent @ found.local_rotations[joint], atol=1e-12
            )


def test_a_mirrored_hand_is_told_and_met_by_a_proper_rotation(
    right: HandModel, known_hands: Callable
) -> None:
    joints = known_hands(right, 1).joints_m[0] * np.array([-1.0, 1.0, 1.0])
    template = template_of(right, np.zeros(10))
    found = swing_pose(template, joints, knuckles=RELEASED_KNUCKLES)
    assert found.is_reflected
    np.testing.assert_allclose(np.linalg.det(found.rotations), 1.0)
    released = swing_pose(template, joints, knuckles=RELEASED_KNUCKLES, as_released=True)
    np.testing.assert_array_equal(released.rotations, np.broadcast_to(np.eye(3), (16, 3, 3)))


@pytest.mark.parametrize("as_released", [False, True])
def test_batches_are_solved_as_single_hands(
    either: HandModel, known_hands: Callable, as_released: bool
) -> None:
    hands = known_hands(either, 12)
    joints = hands.joints_m.copy()
    joints[::3] *= np.array([-1.0, 1.0, 1.0], dtype=np.float32)
    template = np.stack([template_of(either, shape) for shape in hands.shape])
    found = batched_swing(
        torch.tensor(template, dtype=torch.float32),
        torch.tensor(joints),
        knuckles=RELEASED_KNUCKLES,
        as_released=as_released,
    )
    for index in range(12):
        one = swing_pose(
            template[index], joints[index], knuckles=RELEASED_KNUCKLES, as_released=as_released
        )
        assert bool(found.is_reflected[index]) == one.is_reflected
        np.testing.assert_allclose(found.local_rotations[index], one.local_rotations, atol=1e-4)
        np.testing.assert_allclose(found.rotations[index], one.rotations, atol=1e-4)
        np.testing.assert_allclose(found.positions_m[index], one.positions_m, atol=1e-5)


def stand_in_template(folder: Path) -> np.ndarray:
    with np.load(folder / "stand_in_mano.npz") as model:
        tips = model["v_template"][[745, 317, 444, 556, 673]]
        joints = model["J_regressor"] @ model["v_template"]
    return np.concatenate([joints, tips])[list(KEYPOINTS_FROM_JOINTS_AND_TIPS)]


def relative_transforms(
    rotations: np.ndarray, positions_m: np.ndarray, wrist_m: np.ndarray
) -> np.ndarray:
    """(16, 4, 4): wrist, then thumb, index, middle, ring and pinky, three each."""
    transforms = np.tile(np.eye(4), (16, 1, 1))
    transforms[:, :3, :3], transforms[:, :3, 3] = rotations, positions_m - wrist_m
    return transforms[[0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9]]


def test_parity_with_the_released_code_of_gsdf(reference_data: Path) -> None:
    """Of two samples the second is a reflection, which the released code leaves at rest."""
    folder = reference_data / "parity"
    if not (folder / "gsdf.npz").is_file():
        pytest.skip(f"no parity data in {folder}")
    template = stand_in_template(folder)
    with np.load(folder / "gsdf.npz") as reference:
        joints, expected = reference["hand_volume_joints"], reference["hand_global_trans"]
        poses, is_turned = reference["hand_pose"], reference["hand_vis"][:, 0]
    batch = batched_swing(
        torch.tensor(template)[None].float(),
        torch.tensor(joints),
        knuckles=RELEASED_KNUCKLES,
        as_released=True,
    )
    tolerance = 1e-4 * np.abs(expected).max()
    for index in range(2):
        one: SwingPose = swing_pose(
            template, joints[index], knuckles=RELEASED_KNUCKLES, as_released=True
        )
        assert one.is_reflected == (is_turned[index] == 0)
        wrist = joints[index, 0]
        found = relative_transforms(one.rotations, one.positions_m, wrist)
        np.testing.assert_allclose(found, expected[index], atol=tolerance)
        found = relative_transforms(
            batch.rotations[index].numpy(), batch.positions_m[index].numpy(), wrist
        )
        np.testing.assert_allclose(found, expected[index], atol=tolerance)
        vectors = Rotation.from_matrix(one.local_rotations).as_rotvec()
        np.testing.assert_allclose(vectors.ravel(), poses[index], atol=1e-4)
