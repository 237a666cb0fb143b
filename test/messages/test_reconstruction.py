"""Reconstructions and topologies become messages and come back unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandTopology
from hand_object_recon.core.objects import (
    GraspState,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message, stamp_ns_of
from hand_object_recon.messages.poses import pose_from_message, pose_message
from hand_object_recon.messages.reconstruction import (
    reconstruction_from_message,
    reconstruction_message,
    topology_from_message,
    topology_message,
)
from hand_object_recon.messages.typestore import deserialize, message_class, serialize


def over_the_wire(message: Any) -> Any:
    return deserialize(bytes(serialize(message)), message.__msgtype__)


def assert_same(actual: Any, expected: Any, name: str = "") -> None:
    """Equal in every field, down to the arrays and the fields of fields."""
    assert type(actual) is type(expected), name
    if is_dataclass(expected):
        for field in fields(expected):
            assert_same(getattr(actual, field.name), getattr(expected, field.name), field.name)
    elif isinstance(expected, tuple):
        assert len(actual) == len(expected), name
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other, name)
    elif isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype, name
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12, err_msg=name)
    else:
        np.testing.assert_equal(actual, expected, err_msg=name)


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


def test_an_object_of_which_only_pose_and_mesh_are_known_survives_the_wire(
    bare_object: ObjectEstimate,
) -> None:
    frame = Reconstruction(1, "camera", "made_up", (), (bare_object,))
    (restored,) = reconstruction_from_message(over_the_wire(reconstruction_message(frame))).objects
    assert_same(restored, bare_object)


@pytest.mark.parametrize("state", list(GraspState))
def test_every_state_survives_the_wire(bare_object: ObjectEstimate, state: GraspState) -> None:
    frame = Reconstruction(1, "camera", "made_up", (), (replace(bare_object, state=state),))
    message = over_the_wire(reconstruction_message(frame))
    assert message.objects[0].state == getattr(message.objects[0], state.name)
    assert reconstruction_from_message(message).objects[0].state is state


@pytest.mark.parametrize(
    ("kind", "size_m", "dimensions"),
    [
        (PrimitiveKind.BOX, [0.25, 0.5, 0.125], {"BOX_X": 0.25, "BOX_Y": 0.5, "BOX_Z": 0.125}),
        (
            PrimitiveKind.CYLINDER,
            [0.25, 0.25, 0.5],
            {"CYLINDER_HEIGHT": 0.5, "CYLINDER_RADIUS": 0.125},
        ),
        (PrimitiveKind.SPHERE, [0.25, 0.25, 0.25], {"SPHERE_RADIUS": 0.125}),
    ],
)
def test_a_primitive_has_the_dimensions_that_shape_msgs_wants(
    bare_object: ObjectEstimate,
    kind: PrimitiveKind,
    size_m: list[float],
    dimensions: dict[str, float],
) -> None:
    fit = PrimitiveFit(kind, bare_object.pose, np.float32(size_m), 0.5)
    frame = Reconstruction(1, "camera", "made_up", (), (replace(bare_object, primitive=fit),))
    message = over_the_wire(reconstruction_message(frame))
    primitive = message.objects[0].primitive
    assert primitive.type == getattr(primitive, kind.name)
    named = {name: primitive.dimensions[getattr(primitive, name)] for name in dimensions}
    assert named == dimensions
    assert len(primitive.dimensions) == len(dimensions)
    assert_same(reconstruction_from_message(message).objects[0].primitive, fit)


def test_a_hand_tells_which_of_its_parts_touch_an_object(reconstruction: Reconstruction) -> None:
    message = over_the_wire(reconstruction_message(reconstruction))
    touching, other = message.hands
    assert touching.track_id == 1
    assert touching.touches.tolist() == [True, False, False, False, False, True]
    assert not other.touches.any()


def test_parts_of_a_hand_have_the_same_numbers_in_messages_and_estimates() -> None:
    contact = message_class("hand_object_recon/msg/HandContact")
    assert {part.name: getattr(contact, part.name) for part in HandPart} == {
        part.name: int(part) for part in HandPart
    }


def test_what_is_measured_is_told_by_ones(reconstruction: Reconstruction) -> None:
    message = over_the_wire(reconstruction_message(reconstruction))
    assert message.objects[0].vertex_seen.tolist() == [1, 1, 1, 0]
    assert message.objects[0].vertex_colors[3:6].tolist() == [30, 240, 50]


def change_state(message: Any) -> None:
    message.state = 9


def change_part(message: Any) -> None:
    message.contacts[0].part = 6


def change_primitive(message: Any) -> None:
    message.primitive.type = 4


def drop_dimension(message: Any) -> None:
    message.primitive.dimensions = message.primitive.dimensions[:1]


def drop_color(message: Any) -> None:
    message.vertex_colors = message.vertex_colors[:9]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_state, "object state is 9; known are TOUCHED, HELD and PUT_DOWN"),
        (change_part, "hand part is 6"),
        (change_primitive, "primitive type is 4; known are BOX, CYLINDER and SPHERE"),
        (drop_dimension, "a cylinder has 1 dimensions; it must have 2"),
        (drop_color, r"vertex_colors has shape \(3, 3\)"),
    ],
)
def test_an_object_outside_the_contract_is_refused(
    reconstruction: Reconstruction, change: Callable[[Any], None], reason: str
) -> None:
    message = reconstruction_message(reconstruction)
    change(message.objects[0])
    with pytest.raises(InvalidValueError, match=reason):
        reconstruction_from_message(message)


def test_a_frame_without_hands_survives_the_wire() -> None:
    empty = Reconstruction(5, "camera", "rgbd_fit")
    restored = reconstruction_from_message(over_the_wire(reconstruction_message(empty)))
    assert (restored.stamp_ns, restored.hands, restored.objects) == (5, (), ())


def test_an_unknown_residual_stays_unknown(make_hand: Callable[..., HandEstimate]) -> None:
    hand = make_hand(placement_residual_m=float("nan"))
    message = reconstruction_message(Reconstruction(1, "camera", "rgbd_fit", (hand,)))
    (restored,) = reconstruction_from_message(over_the_wire(message)).hands
    assert np.isnan(restored.placement_residual_m)


def test_a_method_that_tells_no_confidence_of_joints_sends_none(
    make_hand: Callable[..., HandEstimate],
) -> None:
    hand = make_hand(joint_confidence=None)
    message = over_the_wire(reconstruction_message(Reconstruction(1, "camera", "made_up", (hand,))))
    assert len(message.hands[0].joint_confidence) == 0
    (restored,) = reconstruction_from_message(message).hands
    assert restored.joint_confidence is None


def test_a_confidence_that_is_not_of_every_joint_is_refused(
    reconstruction: Reconstruction,
) -> None:
    message = reconstruction_message(reconstruction)
    message.hands[0].joint_confidence = np.ones(20, np.float32)
    with pytest.raises(InvalidValueError, match="joint_confidence has shape"):
        reconstruction_from_message(message)


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
