"""Hands and objects in the transform tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_NAMES
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.transforms import transforms_message
from hand_object_recon.messages.typestore import deserialize, serialize

PARTS = ["wrist", "thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip"]


def transforms_of(
    *hands: HandEstimate, objects: tuple[ObjectEstimate, ...] = (), all_joints: bool = False
) -> dict[str, Any]:
    reconstruction = Reconstruction(3_000_000_007, "camera", "rgbd_fit", hands, objects)
    message = transforms_message(reconstruction, all_joints=all_joints)
    received = deserialize(serialize(message), message.__msgtype__)
    return {item.child_frame_id: item for item in received.transforms}


def test_a_hand_is_its_wrist_and_five_finger_tips(make_hand: Callable[..., HandEstimate]) -> None:
    hand = make_hand(6, HandSide.LEFT)
    assert list(transforms_of(hand)) == [f"hand_left/{part}" for part in PARTS]


def test_transforms_keep_the_image_stamp_and_frame(make_hand: Callable[..., HandEstimate]) -> None:
    for item in transforms_of(make_hand()).values():
        assert item.header.frame_id == "camera"
        assert (item.header.stamp.sec, item.header.stamp.nanosec) == (3, 7)


def test_a_tip_lies_at_its_joint_and_is_oriented_as_the_wrist(
    make_hand: Callable[..., HandEstimate],
) -> None:
    hand = make_hand()
    transforms = transforms_of(hand)
    positions = [hand.wrist_pose[:3, 3], *hand.joints_m[[4, 8, 12, 16, 20]]]
    for part, position in zip(PARTS, positions, strict=True):
        transform = transforms[f"hand_right/{part}"].transform
        translation, turn = transform.translation, transform.rotation
        np.testing.assert_array_equal([translation.x, translation.y, translation.z], position)
        rotation = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w])
        np.testing.assert_allclose(rotation.as_matrix(), hand.wrist_pose[:3, :3], atol=1e-12)


def test_further_hands_of_a_side_are_numbered_in_the_order_of_their_tracks(
    make_hand: Callable[..., HandEstimate],
) -> None:
    older, younger, left = make_hand(2), make_hand(9), make_hand(5, HandSide.LEFT)
    transforms = transforms_of(younger, left, older)
    assert {name.partition("/")[0] for name in transforms} == {
        "hand_right",
        "hand_right_2",
        "hand_left",
    }
    assert transforms["hand_right/wrist"].transform.translation.x == older.wrist_pose[0, 3]
    assert transforms["hand_right_2/wrist"].transform.translation.x == younger.wrist_pose[0, 3]


def test_all_joints_are_frames_where_that_is_asked_for(
    make_hand: Callable[..., HandEstimate],
) -> None:
    hand = make_hand()
    transforms = transforms_of(hand, all_joints=True)
    assert list(transforms) == [f"hand_right/{name}" for name in KEYPOINT_NAMES]
    for name, position in zip(KEYPOINT_NAMES[1:], hand.joints_m[1:], strict=True):
        translation = transforms[f"hand_right/{name}"].transform.translation
        np.testing.assert_array_equal([translation.x, translation.y, translation.z], position)


def test_objects_are_frames_with_their_pose_numbered_in_the_order_of_their_tracks(
    held_object: ObjectEstimate,
) -> None:
    younger = replace(held_object, track_id=9, pose=np.eye(4))
    transforms = transforms_of(objects=(younger, held_object))
    assert list(transforms) == ["object", "object_2"]
    transform = transforms["object"].transform
    turn = transform.rotation
    rotation = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w])
    np.testing.assert_allclose(rotation.as_matrix(), held_object.pose[:3, :3], atol=1e-12)
    assert transform.translation.z == held_object.pose[2, 3]
    assert transforms["object_2"].transform.translation.z == 0.0


def test_no_hand_is_no_transform() -> None:
    assert transforms_of() == {}
