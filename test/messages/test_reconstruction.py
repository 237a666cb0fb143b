"""Reconstructions and topologies become messages and come back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message, stamp_ns_of
from hand_object_recon.messages.poses import pose_from_message, pose_message
from hand_object_recon.messages.reconstruction import (
    reconstruction_from_message,
    reconstruction_message,
    topology_from_message,
    topology_message,
)
from hand_object_recon.messages.typestore import deserialize, serialize


def over_the_wire(message: Any) -> Any:
    return deserialize(bytes(serialize(message)), message.__msgtype__)


def assert_same(actual: Any, expected: Any) -> None:
    for field in fields(expected):
        one, other = getattr(actual, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12, err_msg=field.name)
        else:
            np.testing.assert_equal(one, other, err_msg=field.name)


def test_a_reconstruction_survives_the_wire(reconstruction: Reconstruction) -> None:
    restored = reconstruction_from_message(over_the_wire(reconstruction_message(reconstruction)))
    assert restored.stamp_ns == reconstruction.stamp_ns
    assert restored.frame_id == reconstruction.frame_id
    assert restored.method == reconstruction.method
    assert list(restored.stage_ms.items()) == [("detect", 12.25), ("reconstruct", 7.1)]
    for one, other in zip(restored.hands, reconstruction.hands, strict=True):
        assert_same(one, other)
    for item, expected in zip(restored.objects, reconstruction.objects, strict=True):
        assert_same(item, expected)


def test_a_frame_without_hands_survives_the_wire() -> None:
    empty = Reconstruction(5, "camera", "rgbd_fit")
    restored = reconstruction_from_message(over_the_wire(reconstruction_message(empty)))
    assert (restored.stamp_ns, restored.hands, restored.objects) == (5, (), ())


def test_an_unknown_residual_stays_unknown(make_hand: Callable[..., HandEstimate]) -> None:
    hand = make_hand(placement_residual_m=float("nan"))
    message = reconstruction_message(Reconstruction(1, "camera", "rgbd_fit", (hand,)))
    (restored,) = reconstruction_from_message(over_the_wire(message)).hands
    assert np.isnan(restored.placement_residual_m)


def test_the_message_carries_joints_as_points_and_vertices_flat(
    reconstruction: Reconstruction,
) -> None:
    message = over_the_wire(reconstruction_message(reconstruction))
    hand, estimate = message.hands[0], reconstruction.hands[0]
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1_700_000_000, 123_456_789)
    assert message.header.frame_id == "camera_color_optical_frame"
    assert hand.side == hand.RIGHT
    np.testing.assert_array_equal(
        [hand.joints[8].x, hand.joints[8].y, hand.joints[8].z], estimate.joints_m[8]
    )
    np.testing.assert_array_equal(hand.vertices[3:6], estimate.vertices_m[1])


def test_a_side_that_is_neither_left_nor_right_is_refused(reconstruction: Reconstruction) -> None:
    message = reconstruction_message(reconstruction)
    message.hands[0].side = 7
    with pytest.raises(InvalidValueError, match="hand side is 7"):
        reconstruction_from_message(message)


def test_a_topology_survives_the_wire(topology: HandTopology) -> None:
    assert_same(topology_from_message(over_the_wire(topology_message(topology))), topology)


def test_triangles_that_are_not_three_numbers_each_are_refused(topology: HandTopology) -> None:
    message = topology_message(topology)
    message.triangles = message.triangles[:-1]
    with pytest.raises(InvalidValueError, match="11 numbers"):
        topology_from_message(message)


@given(st.integers(min_value=0, max_value=(2**31 - 1) * 10**9))
def test_any_stamp_of_ros_keeps_its_nanoseconds(stamp_ns: int) -> None:
    assert stamp_ns_of(over_the_wire(header_message(stamp_ns, "camera"))) == stamp_ns


@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3))
def test_a_pose_message_has_the_quaternion_of_its_rotation(rotation_vector: list[float]) -> None:
    rotation = Rotation.from_rotvec(rotation_vector)
    pose = np.eye(4)
    pose[:3, :3] = rotation.as_matrix()
    pose[:3, 3] = (0.1, -0.2, 0.3)
    message = over_the_wire(pose_message(pose))
    orientation = message.orientation
    quaternion = [orientation.x, orientation.y, orientation.z, orientation.w]
    assert np.linalg.norm(quaternion) == pytest.approx(1.0, abs=1e-12)
    assert (Rotation.from_quat(quaternion) * rotation.inv()).magnitude() < 1e-7
    np.testing.assert_allclose(pose_from_message(message), pose, atol=1e-12)


def test_half_turns_about_every_axis_keep_their_precision() -> None:
    for axis in np.eye(3):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(np.pi * axis).as_matrix()
        np.testing.assert_allclose(pose_from_message(pose_message(pose)), pose, atol=1e-15)
