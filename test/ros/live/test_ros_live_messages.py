"""rclpy and we understand each other's bytes: what we write it reads, and the other way round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import (
    GraspState,
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.definitions import MESSAGE_NAMES
from hand_object_recon.messages.markers import serialized_markers
from hand_object_recon.messages.meshes import serialized_mesh
from hand_object_recon.messages.reconstruction import (
    reconstruction_from_message,
    reconstruction_message,
)
from hand_object_recon.messages.typestore import (
    RECONSTRUCTION_TYPE,
    deserialize,
    message_typestore,
    serialize,
)

CORNERS = np.float32([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
FACES = np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
COLORS = np.uint8([[250, 10, 20], [30, 240, 50], [60, 70, 230], [1, 2, 3]])
POINT_M, NORMAL = np.float32([0.25, 0.5, 0.75]), np.float32([0.0, 0.6, -0.8])


@pytest.fixture
def messages() -> Any:
    pytest.importorskip("rclpy", reason="rclpy is not installed (source a ROS 2 workspace)")
    return pytest.importorskip("hand_object_recon.msg", reason="the messages are not generated")


@pytest.fixture
def scene() -> Reconstruction:
    """A hand whose index touches a tetrahedron of which everything is known."""
    hand = HandEstimate(
        track_id=7,
        side=HandSide.LEFT,
        score=0.75,
        joints_m=np.zeros((21, 3), np.float32),
        joint_visibility=np.ones(21, np.float32),
        vertices_m=np.zeros((0, 3), np.float32),
        topology="none",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, np.float32),
        shape=np.zeros(10, np.float32),
    )
    shift = np.eye(4)
    shift[:3, 3] = (0.125, 0.25, 0.5)
    cylinder = PrimitiveFit(
        PrimitiveKind.CYLINDER, shift, np.float32([0.0625, 0.0625, 0.125]), 0.00390625
    )
    item = ObjectEstimate(
        track_id=4,
        score=0.5,
        pose=shift,
        vertices_m=CORNERS,
        faces=FACES,
        held_by=7,
        state=GraspState.PUT_DOWN,
        vertex_seen=np.array([True, True, True, False]),
        vertex_colors=COLORS,
        name="mug",
        primitive=cylinder,
        contacts=(HandContact(7, HandPart.INDEX, POINT_M, NORMAL, -0.001953125),),
    )
    return Reconstruction(1_700_000_000_123_456_789, "camera", "fused", (hand,), (item,))


def read_by_rclpy(data: bytes, kind: Any) -> Any:
    from rclpy.serialization import deserialize_message

    return deserialize_message(bytes(data), kind)


def test_rclpy_reads_everything_of_an_object(messages: Any, scene: Reconstruction) -> None:
    data = bytes(serialize(reconstruction_message(scene)))
    message = read_by_rclpy(data, messages.Reconstruction)
    (item,), (hand,) = message.objects, message.hands

    assert (item.track_id, item.name, item.held_by) == (4, "mug", 7)
    assert item.state == messages.HeldObject.PUT_DOWN
    np.testing.assert_array_equal(item.vertices, CORNERS.ravel())
    np.testing.assert_array_equal(item.triangles, FACES.ravel())
    assert list(item.vertex_seen) == [1, 1, 1, 0]
    np.testing.assert_array_equal(item.vertex_colors, COLORS.ravel())
    assert item.primitive.type == item.primitive.CYLINDER
    dimensions = item.primitive.dimensions
    assert dimensions[item.primitive.CYLINDER_HEIGHT] == 0.125
    assert dimensions[item.primitive.CYLINDER_RADIUS] == 0.03125
    assert item.primitive_pose.position.z == 0.5
    assert item.primitive_residual == 0.00390625
    (contact,) = item.contacts
    assert (contact.hand_track_id, contact.part) == (7, messages.HandContact.INDEX)
    assert (contact.point.x, contact.point.y, contact.point.z) == (0.25, 0.5, 0.75)
    np.testing.assert_allclose([contact.normal.y, contact.normal.z], [0.6, -0.8], atol=1e-7)
    assert contact.gap == -0.001953125
    assert list(hand.touches) == [False, True, False, False, False, False]


def test_what_rclpy_writes_comes_back_as_it_was(messages: Any, scene: Reconstruction) -> None:
    from rclpy.serialization import serialize_message

    data = bytes(serialize(reconstruction_message(scene)))
    theirs = serialize_message(read_by_rclpy(data, messages.Reconstruction))
    restored = reconstruction_from_message(deserialize(theirs, RECONSTRUCTION_TYPE))

    (item,), (expected,) = restored.objects, scene.objects
    assert (item.state, item.name) == (expected.state, expected.name)
    assert item.vertex_seen is not None
    assert item.vertex_seen.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(item.vertex_colors, COLORS)
    assert item.primitive is not None
    np.testing.assert_array_equal(item.primitive.size_m, np.float32([0.0625, 0.0625, 0.125]))
    np.testing.assert_array_equal(item.contacts[0].point_m, POINT_M)
    assert item.contacts[0].part is HandPart.INDEX


@pytest.mark.usefixtures("messages")
def test_rclpy_reads_the_markers_and_the_mesh_of_an_object(scene: Reconstruction) -> None:
    from shape_msgs.msg import Mesh
    from visualization_msgs.msg import Marker, MarkerArray

    data, keys = serialized_markers(scene, {})
    markers = {marker.ns: marker for marker in read_by_rclpy(data, MarkerArray).markers}

    assert set(markers) == {key.namespace for key in keys}
    assert markers["object/primitive"].type == Marker.CYLINDER
    assert markers["object/contacts"].type == Marker.SPHERE_LIST
    assert markers["object/label"].text == "mug 4 put down"
    mesh = markers["object/mesh"]
    assert len(mesh.points) == len(mesh.colors) == 3
    assert mesh.colors[0].r == pytest.approx(250 / 255)
    assert len(markers["object/completed"].points) == 9
    assert len(read_by_rclpy(serialized_mesh(scene.objects[0]), Mesh).triangles) == 4


@pytest.mark.usefixtures("messages")
def test_our_types_have_the_hashes_that_the_build_gave_them() -> None:
    from ament_index_python.packages import get_package_share_directory

    folder = Path(get_package_share_directory("hand_object_recon"), "msg")
    described = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    if not described:
        pytest.skip("this distribution has no type hashes (Humble)")
    hashes = {
        one["type_name"]: one["hash_string"]
        for description in described
        for one in description["type_hashes"]
        if one["type_name"].startswith("hand_object_recon/")
    }
    assert len(hashes) == len(MESSAGE_NAMES)
    assert hashes == {name: message_typestore().hash_rihs01(name) for name in hashes}
