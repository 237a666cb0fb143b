"""Results that an older version recorded, whose messages know less of hands and objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.objects import NOBODY, GraspState
from hand_object_recon.recordings.result_parts import read_result_part
from hand_object_recon.recordings.result_reader import read_reconstructions
from hand_object_recon.recordings.result_topics import RECONSTRUCTION_TOPIC

TYPE = "hand_object_recon/msg/Reconstruction"
STAMP_NS = 1_700_000_000_123_456_789
OLD_DEFINITIONS = {
    "hand_object_recon/msg/Hand": """\
uint8 LEFT=1
uint8 RIGHT=2
int32 track_id
uint8 side
float32 score
geometry_msgs/Point[21] joints
float32[21] joint_visibility
geometry_msgs/Pose wrist
float32[48] pose
float32[10] shape
string topology
float32[] vertices
float32 placement_residual
""",
    "hand_object_recon/msg/HeldObject": """\
int32 NOBODY=-1
int32 track_id
float32 score
int32 held_by
geometry_msgs/Pose pose
float32[] vertices
uint32[] triangles
""",
    "hand_object_recon/msg/StageTime": "string name\nfloat64 milliseconds\n",
    TYPE: """\
std_msgs/Header header
string method
hand_object_recon/Hand[] hands
hand_object_recon/HeldObject[] objects
hand_object_recon/StageTime[] stages
""",
}
CORNERS = np.eye(4, 3, dtype=np.float32)


@pytest.fixture(scope="module")
def old_types() -> Typestore:
    typestore = get_typestore(Stores.ROS2_JAZZY)
    for name, text in OLD_DEFINITIONS.items():
        typestore.register(get_types_from_msg(text, name))
    return typestore


@pytest.fixture(params=["mcap", "sqlite3"])
def old_result(
    old_types: Typestore, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[], Path]:
    """A recording of one frame: a hand that holds a tetrahedron, and one that nobody holds."""

    def new(name: str, **fields: Any) -> Any:
        return old_types.types[name](**fields)

    def pose(z: float) -> Any:
        return new(
            "geometry_msgs/msg/Pose",
            position=new("geometry_msgs/msg/Point", x=0.1, y=0.2, z=z),
            orientation=new("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )

    def held(track_id: int, held_by: int) -> Any:
        return new(
            "hand_object_recon/msg/HeldObject",
            track_id=track_id,
            score=0.5,
            held_by=held_by,
            pose=pose(0.7),
            vertices=CORNERS.ravel(),
            triangles=np.uint32([0, 2, 1, 0, 1, 3, 1, 2, 3, 2, 0, 3]),
        )

    def write() -> Path:
        hand = new(
            "hand_object_recon/msg/Hand",
            track_id=3,
            side=2,
            score=0.75,
            joints=[new("geometry_msgs/msg/Point", x=0.01 * n, y=0.0, z=0.5) for n in range(21)],
            joint_visibility=np.ones(21, np.float32),
            wrist=pose(0.5),
            pose=np.zeros(48, np.float32),
            shape=np.zeros(10, np.float32),
            topology="none",
            vertices=np.zeros(0, np.float32),
            placement_residual=0.25,
        )
        stamp = new("builtin_interfaces/msg/Time", sec=1_700_000_000, nanosec=123_456_789)
        message = new(
            TYPE,
            header=new("std_msgs/msg/Header", stamp=stamp, frame_id="camera"),
            method="older",
            hands=[hand],
            objects=[held(4, 3), held(5, NOBODY)],
            stages=[],
        )
        plugin = StoragePlugin[request.param.upper()]
        with Writer(tmp_path / "old", version=9, storage_plugin=plugin) as writer:
            connection = writer.add_connection(RECONSTRUCTION_TOPIC, TYPE, typestore=old_types)
            writer.write(connection, STAMP_NS, old_types.serialize_cdr(message, TYPE))
        return tmp_path / "old"

    return write


def test_an_older_result_is_read_with_what_it_knows(old_result: Callable[[], Path]) -> None:
    (frame,) = read_reconstructions(old_result())

    assert (frame.stamp_ns, frame.frame_id, frame.method) == (STAMP_NS, "camera", "older")
    (hand,) = frame.hands
    np.testing.assert_allclose(hand.joints_m[:, 0], 0.01 * np.arange(21), atol=1e-7)
    assert (hand.track_id, hand.score, hand.placement_residual_m) == (3, 0.75, 0.25)
    held, lying = frame.objects
    np.testing.assert_array_equal(held.vertices_m, CORNERS)
    np.testing.assert_allclose(held.pose[:3, 3], [0.1, 0.2, 0.7])
    assert (held.held_by, held.state) == (3, GraspState.HELD)
    assert (lying.held_by, lying.state) == (NOBODY, GraspState.PUT_DOWN)


def test_what_an_older_result_does_not_know_is_unknown(old_result: Callable[[], Path]) -> None:
    (frame,) = read_reconstructions(old_result())
    assert frame.hands[0].joint_confidence is None
    held, _ = frame.objects
    assert held.vertex_seen is held.vertex_colors is held.primitive is None
    assert (held.name, held.contacts) == ("", ())


def test_nothing_is_added_to_an_older_result(old_result: Callable[[], Path]) -> None:
    with pytest.raises(RecordingError, match="replay again into another --out"):
        read_result_part(old_result())
