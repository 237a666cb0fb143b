"""Empty hands keep the joint limits, do what their gesture says, and do not run into themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import POSE_NAMES, named_pose_rad
from hand_object_recon.synthesis.grasping.free_poses import FreeGesture, draw_free_pose
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.grasping.hands import Hands
from hand_object_recon.synthesis.grasping.self_contact import SelfContact

LONG_FINGERS = ("index", "middle", "ring", "pinky")


def angles_rad(hand: PlacedHand) -> np.ndarray:
    """(15, 3) flexion, abduction and twist."""
    axes = load_hand_model("open_hand", hand.side).joint_axes
    return np.einsum("jc,jac->ja", hand.fingers_rad, axes)


def bend_rad(hand: PlacedHand, finger: str) -> float:
    """Sum of a finger's three flexions."""
    return float(angles_rad(hand)[[joint - 1 for joint in finger_joints(finger)], 0].sum())


@pytest.mark.parametrize("side", HandSide)
def test_free_poses_keep_the_joint_limits(side: HandSide) -> None:
    random = np.random.default_rng(0)
    limits = load_hand_model("open_hand", side).joint_limits_rad
    for _ in range(30):
        angles = angles_rad(draw_free_pose(random, side))
        assert (angles > limits[..., 0] - 1e-4).all()
        assert (angles < limits[..., 1] + 1e-4).all()


def test_a_fist_is_closed_an_open_hand_open_and_a_pointing_one_points() -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        fist, opened, pointing = (
            draw_free_pose(random, HandSide.RIGHT, gesture)
            for gesture in (FreeGesture.FIST, FreeGesture.OPEN, FreeGesture.POINT)
        )
        assert all(bend_rad(fist, finger) > np.deg2rad(150) for finger in LONG_FINGERS)
        assert all(bend_rad(opened, finger) < np.deg2rad(40) for finger in LONG_FINGERS)
        assert bend_rad(pointing, "index") < np.deg2rad(50)
        assert bend_rad(pointing, "middle") > np.deg2rad(150)


def test_a_seed_gives_the_same_free_pose() -> None:
    first, second = (draw_free_pose(np.random.default_rng(7), HandSide.LEFT) for _ in range(2))
    np.testing.assert_array_equal(first.pose_rad, second.pose_rad)
    np.testing.assert_array_equal(first.shape, second.shape)


def one_hand() -> tuple[Hands, SelfContact]:
    hands = Hands(torch.tensor([False]), torch.zeros(1, 10))
    return hands, SelfContact(hands)


def overlap_m(angles: np.ndarray) -> float:
    hands, contact = one_hand()
    local = hands.posed(torch.tensor(angles[None], dtype=torch.float32))
    return float(contact.depths_m(local).max())


@pytest.mark.parametrize("name", POSE_NAMES)
def test_the_named_poses_do_not_overlap_themselves(name: str) -> None:
    assert overlap_m(named_pose_rad(name)) < 0.0


def test_fingers_that_cross_overlap() -> None:
    crossed = named_pose_rad("flat")
    crossed[finger_joints("index")[0] - 1, 1] = np.deg2rad(-22)
    crossed[finger_joints("middle")[0] - 1, 1] = np.deg2rad(22)
    assert overlap_m(crossed) > 0.004


def test_a_thumb_bent_through_the_closed_fingers_overlaps() -> None:
    fist = named_pose_rad("fist")
    for joint in finger_joints("thumb"):
        fist[joint - 1, 0] = 0.0
    assert overlap_m(fist) < 0.001
    through = named_pose_rad("fist")
    through[finger_joints("index")[0] - 1, 0] = np.deg2rad(95)
    through[finger_joints("thumb")[0] - 1, :2] = np.deg2rad([45, 30])
    assert overlap_m(through) > 0.002
