"""Results in another frame are the same hands and objects seen from there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import (
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.ros.moved_reconstruction import moved

POSE = np.eye(4)
POSE[:3, :3] = Rotation.from_euler("zyx", [2.1, -0.8, 1.3]).as_matrix()
POSE[:3, 3] = (0.4, -1.2, 0.9)


def homogeneous(points_m: np.ndarray) -> np.ndarray:
    return np.hstack([points_m, np.ones((len(points_m), 1))])


def scene(hand: HandEstimate) -> Reconstruction:
    place = np.eye(4)
    place[:3, 3] = (0.1, 0.0, 0.7)
    contact = HandContact(
        1, HandPart.RING, np.float32([0.11, 0.02, 0.69]), np.float32([0.6, 0.0, -0.8]), 0.002
    )
    item = ObjectEstimate(
        2,
        0.5,
        place,
        np.eye(4, 3, dtype=np.float32),
        np.int32([[0, 1, 2]]),
        held_by=1,
        primitive=PrimitiveFit(PrimitiveKind.BOX, place, np.float32([0.1, 0.2, 0.3]), 0.001),
        contacts=(contact,),
    )
    return Reconstruction(5, "camera", "made_up", (hand,), (item,), {"detect": 1.0})


def test_every_point_moves_with_the_frame(make_hand: Callable[..., HandEstimate]) -> None:
    before = scene(make_hand())
    after = moved(before, "base", POSE)

    assert (after.frame_id, after.stamp_ns, after.stage_ms) == ("base", 5, {"detect": 1.0})
    for name in ("joints_m", "vertices_m"):
        expected = (POSE @ homogeneous(getattr(before.hands[0], name)).T).T[:, :3]
        assert_allclose(getattr(after.hands[0], name), expected, atol=1e-6)
    assert_allclose(after.hands[0].wrist_pose, POSE @ before.hands[0].wrist_pose)
    assert_allclose(after.objects[0].pose, POSE @ before.objects[0].pose)
    assert_allclose(after.objects[0].vertices_m, before.objects[0].vertices_m)


def test_contacts_move_with_the_frame_and_what_is_in_the_objects_frame_stays(
    make_hand: Callable[..., HandEstimate],
) -> None:
    (before,) = scene(make_hand()).objects
    (after,) = moved(scene(make_hand()), "base", POSE).objects

    (contact,), (expected,) = after.contacts, before.contacts
    assert_allclose(contact.point_m, (POSE @ [*expected.point_m, 1.0])[:3], atol=1e-6)
    assert_allclose(contact.normal, (POSE @ [*expected.normal, 0.0])[:3], atol=1e-6)
    assert (contact.hand_track_id, contact.part) == (1, HandPart.RING)
    assert contact.gap_m == expected.gap_m
    assert after.primitive is not None
    assert before.primitive is not None
    assert_allclose(after.primitive.pose, before.primitive.pose)


def test_the_pose_parameters_give_the_moved_hand(make_hand: Callable[..., HandEstimate]) -> None:
    hand = moved(scene(make_hand(side=HandSide.LEFT)), "base", POSE).hands[0]
    model = load_hand_model("open_hand", HandSide.LEFT)

    again = pose_hand(model, hand.pose_rad, hand.shape, np.zeros(3, np.float32))

    shift = hand.joints_m[0] - again.joints_m[0]
    assert_allclose(again.joints_m + shift, hand.joints_m, atol=1e-5)


def test_there_and_back_is_where_it_was(make_hand: Callable[..., HandEstimate]) -> None:
    before = scene(make_hand())

    after = moved(moved(before, "base", POSE), "camera", np.linalg.inv(POSE))

    assert_allclose(after.hands[0].joints_m, before.hands[0].joints_m, atol=1e-6)
    assert_allclose(after.hands[0].pose_rad, before.hands[0].pose_rad, atol=1e-5)
