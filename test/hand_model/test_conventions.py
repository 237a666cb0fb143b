"""The tree of joints and the order of the keypoints are MANO's."""

from __future__ import annotations

from hand_object_recon.core.keypoints import FINGER_NAMES, KEYPOINT_NAMES
from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    JOINT_PARENTS,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
    finger_joints,
)


def test_every_finger_is_a_chain_of_three_joints_on_the_wrist() -> None:
    for finger in FINGERS_IN_JOINT_ORDER:
        first, second, third = finger_joints(finger)
        assert JOINT_PARENTS[first] == 0
        assert JOINT_PARENTS[second] == first
        assert JOINT_PARENTS[third] == second


def test_keypoints_are_the_joints_and_tips_of_their_finger() -> None:
    assert sorted(KEYPOINTS_FROM_JOINTS_AND_TIPS) == list(range(21))
    assert KEYPOINTS_FROM_JOINTS_AND_TIPS[0] == 0
    for number, finger in enumerate(FINGER_NAMES):
        keypoints = KEYPOINTS_FROM_JOINTS_AND_TIPS[1 + 4 * number : 5 + 4 * number]
        assert keypoints == (*finger_joints(finger), 16 + number)
        assert KEYPOINT_NAMES[4 + 4 * number] == f"{finger}_tip"
