"""The order of the 21 keypoints, on which every other room relies."""

from __future__ import annotations

from hand_object_recon.core.keypoints import (
    BONES,
    FINGER_NAMES,
    FINGERTIPS,
    KEYPOINT_NAMES,
    KEYPOINT_PARENTS,
    KNUCKLES,
    MIDDLE_MCP,
)


def test_each_finger_is_a_chain_from_the_wrist_to_its_tip() -> None:
    for finger, tip in zip(FINGER_NAMES, FINGERTIPS, strict=True):
        chain = [tip]
        while KEYPOINT_PARENTS[chain[-1]] >= 0:
            chain.append(KEYPOINT_PARENTS[chain[-1]])
        names = [KEYPOINT_NAMES[index] for index in chain]

        assert names[0] == f"{finger}_tip"
        assert names[-1] == "wrist"
        assert len(names) == 5
        assert all(name.startswith(finger) for name in names[:-1])


def test_knuckles_are_the_mcp_joints_without_the_thumb() -> None:
    assert [KEYPOINT_NAMES[index] for index in KNUCKLES] == [
        f"{finger}_mcp" for finger in FINGER_NAMES[1:]
    ]
    assert KEYPOINT_NAMES[MIDDLE_MCP] == "middle_mcp"


def test_every_keypoint_but_the_wrist_ends_one_bone() -> None:
    assert sorted(child for _, child in BONES) == list(range(1, 21))
