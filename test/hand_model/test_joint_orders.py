"""Joint orders are those of their makers, and joints keep their places when they are converted."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_NAMES
from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.joint_orders import (
    JOINT_ORDERS,
    convert_joints,
    joint_order,
    permutation,
)
from hand_object_recon.hand_model.model import HandModel

KEYPOINT_ORDERS = [name for name, order in JOINT_ORDERS.items() if len(order.joints) == 21]


@pytest.mark.parametrize("name", JOINT_ORDERS)
def test_an_order_names_each_joint_once_and_says_where_it_was_read(name: str) -> None:
    order = joint_order(name)
    assert order.name == name
    assert len(set(order.joints)) == len(order.joints) == int(name[-2:])
    assert order.users
    assert order.source


@pytest.mark.parametrize("name", KEYPOINT_ORDERS)
def test_orders_of_21_have_the_joints_of_this_program(name: str) -> None:
    assert sorted(joint_order(name).joints) == sorted(KEYPOINT_NAMES)


def test_manos_joints_and_tips_become_keypoints_by_manopths_permutation() -> None:
    published = [0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20]
    np.testing.assert_array_equal(permutation("mano21", "openpose21"), published)
    np.testing.assert_array_equal(permutation("ho3d21", "openpose21"), published)
    assert tuple(published) == KEYPOINTS_FROM_JOINTS_AND_TIPS


def test_the_first_person_benchmark_is_reordered_as_its_loaders_do() -> None:
    published = [0, 1, 6, 7, 8, 2, 9, 10, 11, 3, 12, 13, 14, 4, 15, 16, 17, 5, 18, 19, 20]
    np.testing.assert_array_equal(permutation("fhb21", "openpose21"), published)


def test_dexycb_to_mano_is_as_its_users_write_it() -> None:
    published = [0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20]
    np.testing.assert_array_equal(permutation("dexycb21", "mano21"), published)


@pytest.mark.parametrize(
    ("order", "place", "joint"),
    [
        ("interhand21", 0, "thumb_tip"),
        ("interhand21", 3, "thumb_cmc"),
        ("interhand21", 7, "index_mcp"),
        ("interhand21", 16, "pinky_tip"),
        ("interhand21", 20, "wrist"),
        ("webxr25", 1, "thumb_cmc"),
        ("webxr25", 4, "thumb_tip"),
        ("webxr25", 5, "index_metacarpal"),
        ("webxr25", 9, "index_tip"),
        ("webxr25", 24, "pinky_tip"),
        ("mano16", 7, "pinky_mcp"),
        ("mano16", 10, "ring_mcp"),
        ("mano16", 15, "thumb_ip"),
        ("fhb21", 5, "pinky_mcp"),
        ("fhb21", 8, "thumb_tip"),
        ("mediapipe21", 9, "middle_mcp"),
        ("h2o21", 4, "thumb_tip"),
        ("rhd21", 0, "wrist"),
        ("rhd21", 1, "thumb_tip"),
        ("rhd21", 12, "middle_mcp"),
    ],
)
def test_a_joint_lies_where_the_makers_say(order: str, place: int, joint: str) -> None:
    assert joint_order(order).joints[place] == joint


@pytest.mark.parametrize("source", KEYPOINT_ORDERS)
@pytest.mark.parametrize("target", [*KEYPOINT_ORDERS])
def test_there_and_back_again_is_the_same(source: str, target: str) -> None:
    joints = np.random.default_rng(0).normal(size=(2, 5, 21, 3))
    back = convert_joints(convert_joints(joints, source, target), target, source)
    np.testing.assert_array_equal(back, joints)


def test_the_models_own_joints_and_tips_become_its_keypoints(right: HandModel) -> None:
    posed = pose_hand(right, np.full(48, 0.1), np.zeros(10), np.zeros(3))
    tips = posed.vertices_m[right.tip_vertices]
    native = np.concatenate([posed.joint_positions_m, tips])
    np.testing.assert_array_equal(convert_joints(native, "mano21", "openpose21"), posed.joints_m)
    np.testing.assert_array_equal(
        convert_joints(posed.joints_m, "openpose21", "mano16"), posed.joint_positions_m
    )


def test_joints_of_25_are_dropped_and_missing_ones_are_refused_by_name() -> None:
    joints = np.random.default_rng(1).normal(size=(25, 3)).astype(np.float32)
    keypoints = convert_joints(joints, "webxr25", "openpose21")
    np.testing.assert_array_equal(keypoints[5:9], joints[6:10])
    with pytest.raises(InvalidValueError, match="lacks index_metacarpal, middle_metacarpal"):
        convert_joints(keypoints, "openpose21", "webxr25")
    with pytest.raises(InvalidValueError, match="lacks thumb_tip, index_tip"):
        convert_joints(np.zeros((16, 3)), "mano16", "mano21")


def test_missing_joints_are_nan_on_request() -> None:
    joints = np.random.default_rng(1).normal(size=(4, 21, 3)).astype(np.float32)
    filled = convert_joints(joints, "openpose21", "webxr25", allow_missing=True)
    assert filled.dtype == np.float32
    missing = np.isnan(filled).all(axis=-1)
    assert missing.sum(axis=1).tolist() == [4] * 4
    np.testing.assert_array_equal(np.flatnonzero(missing[0]), [5, 10, 15, 20])
    np.testing.assert_array_equal(permutation("openpose21", "webxr25")[5], -1)


def test_pixels_are_converted_like_points() -> None:
    pixels = np.random.default_rng(2).normal(size=(21, 2))
    converted = convert_joints(pixels, "interhand21", "openpose21")
    np.testing.assert_array_equal(converted[[0, 4]], pixels[[20, 0]])


def test_wrong_counts_and_unknown_orders_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"shape \(16, 3\).*'openpose21' is \(\.\.\., 21"):
        convert_joints(np.zeros((16, 3)), "openpose21", "mano21")
    with pytest.raises(InvalidValueError, match="'openpose' is not known; known are mano16"):
        convert_joints(np.zeros((21, 3)), "openpose", "mano21")
