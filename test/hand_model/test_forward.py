"""A posed hand moves as a hand does, and its keypoints follow the convention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.keypoints import BONES, FINGER_NAMES, KEYPOINT_NAMES
from hand_object_recon.hand_model.conventions import JOINT_PARENTS, finger_joints
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.pose_space import named_pose_rad

NOWHERE = np.zeros(3)
NO_SHAPE = np.zeros(10)


def axis_angle_pose(model: HandModel, angles_rad: np.ndarray) -> np.ndarray:
    """(48,) pose of (15, 3) anatomical angles, the global orientation zero."""
    vectors = np.einsum("ja,jac->jc", angles_rad, model.joint_axes)
    return np.concatenate([np.zeros(3), vectors.ravel()])


def flexed(model: HandModel, joint: int, degrees: float) -> PosedHand:
    angles = np.zeros((15, 3))
    angles[joint - 1, 0] = np.radians(degrees)
    return pose_hand(model, axis_angle_pose(model, angles), NO_SHAPE, NOWHERE)


def at_rest(model: HandModel) -> PosedHand:
    return pose_hand(model, np.zeros(48), NO_SHAPE, NOWHERE)


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    starts, ends = np.array(BONES).T
    return np.linalg.norm(joints[ends] - joints[starts], axis=1)


def textbook_hand(
    model: HandModel, pose_rad: np.ndarray, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints by equations 2 to 9 of SMPL, in double precision, joint by joint."""
    local = Rotation.from_rotvec(pose_rad.reshape(16, 3)).as_matrix()
    shaped = model.v_template.astype(np.float64) + model.shapedirs @ shape
    joints = model.joint_regressor.astype(np.float64) @ shaped
    rest = shaped + model.posedirs @ (local[1:] - np.eye(3)).ravel()
    transforms = []
    for joint, parent in enumerate(JOINT_PARENTS):
        step = np.eye(4)
        step[:3, :3] = local[joint]
        step[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        transforms.append(transforms[parent] @ step if parent >= 0 else step)
    vertices = np.zeros((778, 3))
    for joint, transform in enumerate(transforms):
        moved = (rest - joints[joint]) @ transform[:3, :3].T + transform[:3, 3]
        vertices += model.weights[:, joint, None] * moved
    return vertices, np.stack([transform[:3, 3] for transform in transforms])


def test_vertices_and_joints_are_those_of_the_textbook_equations(either: HandModel) -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        pose, shape = random.normal(0.0, 0.7, 48), random.normal(0.0, 1.5, 10)
        translation = random.normal(size=3)
        vertices, joints = textbook_hand(either, pose, shape)
        posed = pose_hand(either, pose, shape, translation)
        np.testing.assert_allclose(posed.vertices_m, vertices + translation, atol=2e-6)
        np.testing.assert_allclose(posed.joint_positions_m, joints + translation, atol=2e-6)


def test_the_left_hand_in_the_mirrored_pose_is_the_mirror_image(
    right: HandModel, left: HandModel
) -> None:
    random = np.random.default_rng(2)
    mirror = np.array([-1.0, 1.0, 1.0])
    for _ in range(20):
        pose, shape = random.normal(0.0, 0.7, 48), random.normal(size=10)
        translation = random.normal(size=3)
        one = pose_hand(right, pose, shape, translation)
        mirrored_pose = pose * np.tile([1.0, -1.0, -1.0], 16)
        other = pose_hand(left, mirrored_pose, shape, translation * mirror)
        np.testing.assert_allclose(other.vertices_m, one.vertices_m * mirror, atol=1e-6)
        np.testing.assert_allclose(other.joints_m, one.joints_m * mirror, atol=1e-6)


def test_the_global_orientation_turns_the_hand_about_its_wrist(either: HandModel) -> None:
    random = np.random.default_rng(3)
    pose, translation = random.normal(0.0, 0.5, 48), random.normal(size=3)
    still = pose.copy()
    still[:3] = 0.0
    turned = pose_hand(either, pose, NO_SHAPE, translation)
    rest = pose_hand(either, still, NO_SHAPE, NOWHERE)
    wrist = either.rest_joints_m[0]
    rotation = Rotation.from_rotvec(pose[:3]).as_matrix()
    expected = (rest.vertices_m - wrist) @ rotation.T + wrist + translation
    np.testing.assert_allclose(turned.vertices_m, expected, atol=1e-6)
    np.testing.assert_allclose(turned.wrist_pose[:3, :3], rotation, atol=1e-6)
    np.testing.assert_allclose(turned.wrist_pose[:3, 3], wrist + translation, atol=1e-6)
    np.testing.assert_allclose(turned.joints_m[0], wrist + translation, atol=1e-6)


@pytest.mark.parametrize("finger", FINGER_NAMES)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_bent_joint_moves_the_keypoints_beyond_it_and_no_others(
    either: HandModel, finger: str, level: int
) -> None:
    rest = at_rest(either).joints_m
    posed = flexed(either, finger_joints(finger)[level], 40.0).joints_m
    moved = np.linalg.norm(posed - rest, axis=1) > 1e-4
    first = 1 + 4 * FINGER_NAMES.index(finger)
    expected = np.zeros(21, dtype=bool)
    expected[first + level + 1 : first + 4] = True
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_allclose(posed[~expected], rest[~expected], atol=1e-6)


def test_bending_the_index_pip_moves_the_index_dip_and_tip_only(right: HandModel) -> None:
    moved = flexed(right, 2, 60.0).joints_m - at_rest(right).joints_m
    names = [KEYPOINT_NAMES[index] for index in np.flatnonzero(np.abs(moved).max(axis=1) > 1e-4)]
    assert names == ["index_dip", "index_tip"]


@pytest.mark.parametrize("finger", FINGER_NAMES)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_positive_flexion_brings_the_tip_to_the_palm(
    either: HandModel, finger: str, level: int
) -> None:
    """Thirty degrees bring it at least 3 mm nearer to a point 30 mm in front of the palm."""
    tip = 4 + 4 * FINGER_NAMES.index(finger)
    rest = at_rest(either).joints_m
    before_palm = rest[[0, 5, 17]].mean(axis=0) + np.array([0.0, -0.03, 0.0])
    bent = flexed(either, finger_joints(finger)[level], 30.0).joints_m
    near, far = (np.linalg.norm(hand[tip] - before_palm) for hand in (bent, rest))
    assert near < far - 0.003
    assert bent[tip, 1] < rest[tip, 1] - 0.003


def test_positive_abduction_moves_every_finger_the_same_way(either: HandModel) -> None:
    rest = at_rest(either).joints_m
    ways = []
    for finger in ("index", "middle", "ring", "pinky"):
        angles = np.zeros((15, 3))
        angles[finger_joints(finger)[0] - 1, 1] = np.radians(15.0)
        posed = pose_hand(either, axis_angle_pose(either, angles), NO_SHAPE, NOWHERE).joints_m
        tip = 4 + 4 * FINGER_NAMES.index(finger)
        ways.append(posed[tip, 2] - rest[tip, 2])
    assert min(ways) > 0.01


@pytest.mark.parametrize("shape_seed", [None, 4])
def test_bones_are_as_long_in_every_pose(
    either: HandModel, pose_set: np.ndarray, shape_seed: int | None
) -> None:
    shape = NO_SHAPE if shape_seed is None else np.random.default_rng(shape_seed).normal(size=10)
    rest = bone_lengths(pose_hand(either, np.zeros(48), shape, NOWHERE).joints_m)
    for angles in pose_set[::200]:
        posed = pose_hand(either, axis_angle_pose(either, angles), shape, NOWHERE)
        # A hundredth of a millimetre is room for what pose correctives do at the finger tips.
        np.testing.assert_allclose(bone_lengths(posed.joints_m), rest, atol=1e-5)


def test_in_a_fist_the_finger_tips_are_at_the_palm_in_their_order(either: HandModel) -> None:
    pose = axis_angle_pose(either, named_pose_rad("fist"))
    joints = pose_hand(either, pose, NO_SHAPE, NOWHERE).joints_m
    palm_centre = joints[[0, 5, 9, 13, 17]].mean(axis=0)
    tips = joints[[8, 12, 16, 20]]
    assert np.linalg.norm(tips - palm_centre, axis=1).max() < 0.05
    assert np.all(np.diff(tips[:, 2]) < 0)
    # The tips stay on the palm's side of the bones.
    assert tips[:, 1].max() < 0.0
    assert np.all(joints[[6, 10, 14, 18], 1] < joints[[5, 9, 13, 17], 1] - 0.015)


def volume_loss(
    model: HandModel, joint: int, close: Callable[[np.ndarray, np.ndarray], trimesh.Trimesh]
) -> float:
    rest = close(model.v_template, model.faces).volume
    return float(rest - close(flexed(model, joint, 90.0).vertices_m, model.faces).volume)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("finger", ["index", "middle", "ring", "pinky"])
def test_pose_correctives_give_back_most_of_the_volume_that_plain_skinning_loses(
    either: HandModel,
    finger: str,
    level: int,
    closed_mesh: Callable[[np.ndarray, np.ndarray], trimesh.Trimesh],
) -> None:
    """At 90 degrees plain skinning loses 0.6 to 4.4 ml a joint, the corrected hand a quarter of
    it at most, and up to a third at the little finger's knuckle."""
    joint = finger_joints(finger)[level]
    plain = replace(either, posedirs=np.zeros_like(either.posedirs))
    lost = volume_loss(plain, joint, closed_mesh)
    assert lost > 0.5e-6
    assert abs(volume_loss(either, joint, closed_mesh)) < 0.35 * lost


def test_pose_correctives_keep_the_thumbs_base_from_collapsing(
    right: HandModel, closed_mesh: Callable[[np.ndarray, np.ndarray], trimesh.Trimesh]
) -> None:
    """Flexed by 45 degrees, the thumb's base loses 16 ml in plain skinning, 9 ml corrected."""
    joint = finger_joints("thumb")[0]
    rest = closed_mesh(right.v_template, right.faces).volume
    plain = replace(right, posedirs=np.zeros_like(right.posedirs))
    losses = [
        rest - closed_mesh(flexed(model, joint, 45.0).vertices_m, model.faces).volume
        for model in (plain, right)
    ]
    assert losses[1] < 0.65 * losses[0]


def test_pose_correctives_act_near_their_own_joint_only(right: HandModel) -> None:
    for joint in range(1, 16):
        block = right.posedirs[..., 9 * (joint - 1) : 9 * joint]
        moved = np.abs(block).max(axis=(1, 2)) > 1e-5
        distance = np.linalg.norm(right.v_template[moved] - right.rest_joints_m[joint], axis=1)
        assert moved.any()
        assert distance.max() < 0.065
